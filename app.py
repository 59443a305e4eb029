"""Serves the page at http://127.0.0.1:7860; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT choose another address."""

import spaces  # noqa: F401, I001  # first: on a ZeroGPU Space it has to prepare torch before anything imports it
import argparse
import logging
import os
from pathlib import Path

from moditalker.ui.shared.deletion import delete_by_age
from moditalker.ui.shared.hosts import host_checks
from moditalker.ui.shared.memory import keep_start_up
from moditalker.ui.shared.operator_metrics import metrics_at
from moditalker.ui.shared.server_folder import server_folder
from moditalker.ui.shared.serving import address, end_at_signals, serve_until_ended
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError


def main() -> None:
    """Loads the models once, then serves until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of weights in place of the shipped ones")
    parser.add_argument("--no-mark", action="store_true", help="leave 'AI-generated' out of the picture's corner")
    parser.add_argument(
        "--metrics",
        metavar="[HOST:]PORT",
        default=os.environ.get("MODITALKER_METRICS"),
        help="serve /metrics in Prometheus' format there (default: MODITALKER_METRICS, or nowhere)",
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    end_at_signals()
    try:
        name, port = address()
        # Said now, and not after torch and the models are loaded.
        host_checks(name)
        with server_folder() as folder:
            serve(options, folder, name, port)
    except InputError as error:
        raise SystemExit(str(error)) from error


def serve(options: argparse.Namespace, folder: Path, name: str, port: int) -> None:
    """Serve at an address, with everything that is written down for visitors in a folder.

    Raises:
        InputError: the weights, a study or another server's description cannot be used.
    """
    from moditalker.loading import load_pipeline
    from moditalker.ui.shared.warm_up import warm_up

    settings = Settings(mark=not options.no_mark)
    metrics = metrics_at(options.metrics)
    pipeline = load_pipeline(options.weights or "compact")
    warm_up(pipeline)
    # Only now, as Gradio settles where its files go when it is imported.
    from moditalker.ui.page import build_page, launch_options, make_tabs, routes_of

    workspace = Workspace(folder)
    delete_by_age(folder, settings)
    tabs = make_tabs(pipeline, settings, workspace, metrics)
    page = build_page(tabs, settings)
    keep_start_up()
    served = launch_options(settings, name, routes=routes_of(tabs))
    serve_until_ended(page, workspace, **served, server_name=name, server_port=port)


if __name__ == "__main__":
    main()
