"""Serves the page at http://127.0.0.1:7860; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT choose another address."""

import spaces  # noqa: F401, I001  # first: on a ZeroGPU Space it has to prepare torch before anything imports it
import argparse
import atexit
import logging
import os
import shutil
from pathlib import Path


from moditalker.utils.errors import InputError
from moditalker.ui.shared.deletion import delete_by_age
from moditalker.ui.page import build_page, launch_options, make_tabs
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.warm_up import warm_up
from moditalker.ui.shared.workspace import Workspace
from moditalker.loading import load_pipeline


def main() -> None:
    """Loads the models once, then serves until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of weights in place of the shipped ones")
    parser.add_argument("--no-mark", action="store_true", help="leave 'AI-generated' out of the picture's corner")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = Settings(mark=not options.no_mark)
    try:
        pipeline = load_pipeline(options.weights or "compact")
    except InputError as error:
        raise SystemExit(str(error)) from error
    warm_up(pipeline)
    workspace = Workspace()
    # Gradio's own copies of uploads and results: in this server's folder, which no other program shares.
    os.environ["GRADIO_TEMP_DIR"] = str(workspace.root / "gradio")
    delete_by_age(workspace.root, settings)
    atexit.register(shutil.rmtree, workspace.root, ignore_errors=True)
    try:
        tabs = make_tabs(pipeline, settings, workspace)
    except InputError as error:
        raise SystemExit(str(error)) from error
    page = build_page(tabs, settings)
    page.launch(**launch_options(settings))


if __name__ == "__main__":
    main()
