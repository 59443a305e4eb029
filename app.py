"""Serves the page at http://127.0.0.1:7860; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT choose another address."""

import spaces  # noqa: F401, I001  # first: on a ZeroGPU Space it has to prepare torch before anything imports it
import logging

import torch

from moditalker.errors import InputError
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.weights import default_weights
from moditalker.ui.page import build_page, launch_options


def main() -> None:
    """Loads the models once, then serves until interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        pipeline = MoDiTalkerPipeline.from_pretrained(default_weights())
    except InputError as error:
        raise SystemExit(str(error)) from error
    pipeline.to("cuda" if torch.cuda.is_available() else "cpu")
    build_page(pipeline).launch(**launch_options())


if __name__ == "__main__":
    main()
