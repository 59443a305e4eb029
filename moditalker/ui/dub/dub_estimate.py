"""How long a dub takes, from what earlier ones took on this machine."""

from moditalker.options import DEFAULTS
from moditalker.ui.animate.estimate import FIRST_GUESS, Rates
from moditalker.ui.dub.dub_request import SPEAKING, DubRequest

STAGES = ("track", "speech", "motion", "head", "video")
"""Of a dub, in order."""
_TRACK_SECONDS, _DRAW_SECONDS = 0.05, 0.2
"""First guess for a frame on two CPU cores; of the drawing, at the default steps."""
_EVERYBODY = 3.0
"""How often a video is looked through to find who speaks, about: once for all, and once for each of two people."""


def dub_work(request: DubRequest, frames: int, fps: float, seconds: float) -> dict[str, float]:
    """Units of work a stage.

    Args:
        request: what is asked for.
        frames, fps: of the video.
        seconds: of the recording.
    """
    wanted = seconds * fps
    longer, shorter = request.when_longer == "stop", request.when_shorter == "stop"
    shown = (min(frames, wanted) if longer else wanted) if wanted > frames else (wanted if shorter else frames)
    guided = 1 if request.guidance == 1.0 else 2
    return {
        "track": frames * (_EVERYBODY if request.face == SPEAKING else 1.0),
        "speech": seconds,
        "motion": request.atom_steps * guided * seconds,
        "head": request.atom_steps * seconds,
        "video": shown * (1 + 0.1 * request.mtov_steps) / (1 + 0.1 * DEFAULTS.mtov_steps),
    }


def dub_rates() -> Rates:
    """What is guessed until this machine has dubbed something."""
    guess = {stage: FIRST_GUESS[stage] for stage in ("speech", "motion", "head")}
    return Rates({"track": _TRACK_SECONDS, **guess, "video": _DRAW_SECONDS})
