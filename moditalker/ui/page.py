"""The whole page, and the limits it is served with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from moditalker.baselines.registry import Sources, find_methods
from moditalker.ui.about import AboutTab
from moditalker.ui.animate.animate_tab import AnimateTab, MotionParts
from moditalker.ui.animate.estimate import Speeds
from moditalker.ui.animate.examples import FOLDER, OPENING, load_examples
from moditalker.ui.animate.growing import growing_route
from moditalker.ui.animate.motion_endpoints import MotionEndpoints
from moditalker.ui.animate.motion_panel import MotionPanel
from moditalker.ui.animate.motion_studio import MotionStudio
from moditalker.ui.animate.portrait_panel import PortraitPanel
from moditalker.ui.animate.streaming import StreamStudio
from moditalker.ui.animate.studio import Animator, Studio
from moditalker.ui.compare.compare_studio import CompareStudio
from moditalker.ui.compare.compare_tab import CompareTab
from moditalker.ui.converse.conversation_panel import ConversationPanel
from moditalker.ui.converse.converse_studio import ConverseStudio
from moditalker.ui.dub.dub_studio import Dubber, DubStudio
from moditalker.ui.dub.dub_tab import DubTab
from moditalker.ui.live.live_socket import LiveSocket
from moditalker.ui.live.live_tab import LiveTab
from moditalker.ui.shared.doors import Doors
from moditalker.ui.shared.hosts import host_checks, server_name
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.operator_metrics import UNCOUNTED, Metrics
from moditalker.ui.shared.preview import LinkPreview
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.tab import Tab
from moditalker.ui.shared.workspace import Workspace
from moditalker.ui.study.setup import study_tab

CSS, SCRIPT = Path(__file__).with_name("page.css"), Path(__file__).with_name("page.js")
MODEL_CARD = Path(__file__).resolve().parents[2] / "assets" / "compact" / "README.md"
SYSTEM_FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
SYSTEM_MONO_FONTS = ("ui-monospace", "Menlo", "Consolas", "monospace")

WHAT = "A portrait and speech in, a video of that person saying it out."
HEADLINE = f"""# MoDiTalker
{WHAT}"""
PREVIEW = Middleware(LinkPreview, title="MoDiTalker", text=WHAT, picture=OPENING.with_suffix(".jpg"))


class Talker(Animator, Dubber, Protocol):
    """What the page needs of a pipeline."""


def make_tabs(pipeline: Talker, settings: Settings, workspace: Workspace, metrics: Metrics = UNCOUNTED) -> list[Tab]:
    """The tabs, in order; another one is another class in this list. What happens in them is told to the metrics.

    Raises:
        InputError: the study that the environment names cannot be used.
    """
    line = Line(settings.running, settings.waiting)
    metrics.watch(line)
    speeds = Speeds()
    studio = Studio(pipeline, settings, workspace, speeds, line, metrics)
    motions = MotionStudio(pipeline, settings, workspace, speeds, line, metrics)
    endpoints = MotionEndpoints(studio, motions, settings, workspace)
    motion = MotionParts(MotionPanel(settings, workspace), motions, endpoints)
    methods = find_methods(pipeline, Sources.of_environment())
    comparisons = CompareStudio(methods, settings, workspace, line, metrics=metrics)
    streams = StreamStudio(pipeline, settings, workspace, line, metrics)
    conversation = ConversationPanel(ConverseStudio(pipeline, settings, workspace, line, metrics), settings)
    live = LiveSocket(pipeline, settings, workspace, line, metrics)
    growing = [growing_route(workspace)]
    return [
        AnimateTab(studio, PortraitPanel(), settings, motion, load_examples(), streams, conversation, growing),
        LiveTab(live, settings),
        DubTab(DubStudio(pipeline, settings, workspace, line, metrics), settings),
        CompareTab(comparisons, settings),
        study_tab(),
        AboutTab(settings, MODEL_CARD),
    ]


def build_page(tabs: Sequence[Tab], settings: Settings) -> gr.Blocks:
    """The page around its tabs: a bounded queue, no analytics."""
    # Served as they are, and so never deleted with what visitors made.
    gr.set_static_paths([FOLDER])
    with gr.Blocks(
        title="MoDiTalker",
        analytics_enabled=False,
    ) as page:
        gr.Markdown(HEADLINE, elem_id="headline")
        for tab in tabs:
            with gr.Tab(tab.title):
                tab.build()
    # A call that skips the queue would skip its limits.
    return page.queue(max_size=settings.waiting, default_concurrency_limit=1, api_open=False)


def theme() -> gr.themes.Base:
    """Gradio's soft theme, its colours as dark, or as light, as text needs to have a contrast of 4.5 to 1."""
    # Fonts that the visitor has: the page must look the same without the internet.
    return gr.themes.Soft(font=SYSTEM_FONTS, font_mono=SYSTEM_MONO_FONTS).set(
        # As the theme has it; `set` would put Gradio's own in its place.
        background_fill_primary="*neutral_50",
        block_label_text_color="*primary_700",
        block_title_text_color="*primary_700",
        color_accent="*primary_600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        checkbox_label_background_fill_selected="*primary_600",
        checkbox_label_background_fill_selected_dark="*primary_600",
        link_text_color_dark="*primary_300",
        link_text_color_hover_dark="*primary_200",
        link_text_color_visited_dark="*primary_300",
        body_text_color_subdued="*neutral_500",
        block_info_text_color="*neutral_500",
    )


def routes_of(tabs: Sequence[Tab]) -> list[BaseRoute]:
    """What the tabs want to be served beside what Gradio serves."""
    return [route for tab in tabs for route in getattr(tab, "routes", ())]


def launch_options(
    settings: Settings,
    address: str | None = None,
    doors: Middleware | None = None,
    routes: Sequence[BaseRoute] = (),
) -> dict[str, Any]:
    """How the page is served, wherever it is: arguments of `gr.Blocks.launch`.

    Args:
        settings: limits.
        address: that the server listens at; what the environment says when None.
        doors: what looks at every request, behind the checks of its host.
        routes: see `routes_of`.

    Raises:
        InputError: see `host_checks`.
    """
    checks = host_checks(address or server_name())
    return {
        "app_kwargs": {
            "middleware": [*checks, *([doors] if doors else [Middleware(Doors), PREVIEW])],
            "routes": list(routes),
        },
        "theme": theme(),
        "css_paths": CSS,
        "js": SCRIPT.read_text(encoding="utf-8"),
        "share": False,
        # Gradio would ask itself for the page, and give up when that takes 3 seconds, as on a busy machine it may.
        "_frontend": False,
        "max_file_size": f"{settings.max_file_megabytes}mb",
        # Faces and voices are nobody's browsing history.
        "run_history": False,
        "enable_monitoring": False,
        "mcp_server": True,
        "footer_links": ["api"],
    }
