# MoDiTalker in a container: the page, the command line, and a worker of a Ray cluster.
#   docker build -t moditalker --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu .    (CPU, far smaller)
#   docker build -t moditalker .                                     (NVIDIA: CUDA comes with torch's own wheel)
#   docker build --target demo -o outputs .                          'make demo', and the video that it makes
#   docker run -p 7860:7860 moditalker                               the page; with --gpus all on an NVIDIA host
#   docker run -v "$PWD:/work" -w /work moditalker python -m moditalker batch jobs.csv -o out
FROM python:3.11-slim-bookworm AS base
ARG TORCH_INDEX=
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
# The installation is the Makefile's; what the trackers want of the system is packages.txt's.
WORKDIR /app
COPY Makefile packages.txt requirements.txt requirements-batch.txt requirements-ray.txt requirements-server.txt ./
# hadolint ignore=DL3008,DL3042
RUN apt-get update \
    && xargs apt-get install -y --no-install-recommends make < packages.txt \
    && rm -rf /var/lib/apt/lists/* \
    && make .venv/installed "TORCH_INDEX=$TORCH_INDEX" \
    && .venv/bin/pip install -r requirements-ray.txt -r requirements-server.txt
ENV PATH=/app/.venv/bin:$PATH PYTHONPATH=/app
COPY . .

FROM base AS made
RUN touch .venv/installed && make demo

FROM scratch AS demo
COPY --from=made /app/outputs /

FROM base AS app
RUN useradd --create-home --uid 1000 talker
USER 1000
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/config', timeout=4)"]
CMD ["python", "/app/app.py"]
