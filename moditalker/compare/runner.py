"""Runs the methods of one comparison; each fails by itself."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import process_time

from moditalker.baselines.protocol import Facts, Method, Options
from moditalker.compare.inputs import Inputs
from moditalker.constants import FPS
from moditalker.utils.errors import AbandonedError, InputError

logger = logging.getLogger(__name__)

FAILED = "It failed here, for a reason that is not yours; the log has it."
NO_VIDEO = "It changes the lips in a video, and none was given."
_MEASURING = "measuring"


@dataclass(frozen=True)
class Outcome:
    """One column.

    Attributes:
        facts: of the method.
        video: None when it failed.
        seconds: wall clock a stage.
        real_time_factor: seconds of work a second of video; None for what was made elsewhere.
        processor_factor: seconds of this process's CPU time a second of video, all threads together: what other
            programs took is not in them, the loading of networks is; None for what was made elsewhere.
        measures: by the keys of ``measures.ALONE`` and ``measures.BESIDE``.
        warnings: for the user.
        failed: a sentence when there is no video.
    """

    facts: Facts
    video: Path | None
    seconds: dict[str, float] = field(default_factory=dict)
    real_time_factor: float | None = None
    processor_factor: float | None = None
    measures: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    failed: str = ""

    @property
    def total_seconds(self) -> float | None:
        """All stages; None for what was made elsewhere."""
        return round(sum(self.seconds.values()), 3) if self.seconds else None


Tell = Callable[[int, str, int, int], None]
"""Told the column, its stage, how much of that is done and how much there is; may raise ``AbandonedError``."""


def run_methods(
    methods: Sequence[Method],
    inputs: Inputs,
    folder: Path,
    options: Options,
    measure: Callable[[Path], dict[str, float]] | None,
    tell: Tell,
    done: Callable[[int, Outcome], None],
) -> list[Outcome]:
    """Make and measure a column by each method.

    Those on other machines run at once, each in a thread; those here one after the other meanwhile, so that their times
    are their own.

    Args:
        methods: in the order of the columns.
        inputs: see ``Inputs``.
        folder: for ``column-1.mp4`` and so on: names of files tell nothing.
        options: of all methods.
        measure: a ``Measurer``; None to measure nothing.
        tell: see ``Tell``.
        done: told each column as it is finished, in no order.
    Returns:
        In the order of the methods.
    Raises:
        AbandonedError: ``tell`` or ``done`` raised it.
    """
    outcomes: dict[int, Outcome] = {}

    def finish(index: int, outcome: Outcome) -> None:
        outcomes[index] = _measured(outcome, measure, lambda: tell(index, _MEASURING, 0, 1))
        done(index, outcomes[index])

    def make(index: int) -> Outcome:
        target = folder / f"column-{index + 1}.mp4"
        return _made(
            methods[index], inputs, target, options, lambda stage, part, whole: tell(index, stage, part, whole)
        )

    elsewhere = [index for index, method in enumerate(methods) if method.facts.sent_to]
    with ThreadPoolExecutor(max(1, len(elsewhere)), "compare") as pool:
        waiting = {pool.submit(make, index): index for index in elsewhere}
        for index in range(len(methods)):
            if index not in elsewhere:
                finish(index, make(index))
        for future in as_completed(waiting):
            finish(waiting[future], future.result())
    return [outcomes[index] for index in range(len(methods))]


def _made(
    method: Method, inputs: Inputs, target: Path, options: Options, progress: Callable[[str, int, int], None]
) -> Outcome:
    facts = method.facts
    try:
        progress("starting", 0, 1)
        # A machine elsewhere is asked by being used: it says itself why it cannot.
        missing = None if facts.sent_to else method.available()
        if missing:
            return Outcome(facts, None, failed=missing)
        source = inputs.video if facts.dubs else inputs.portrait
        if source is None:
            return Outcome(facts, None, failed=NO_VIDEO)
        before = process_time()
        made = method.make(source, inputs.audio, target, options, progress)
        busy = process_time() - before
    except AbandonedError:
        raise
    except InputError as error:
        logger.info("%s: %s", facts.name, error)
        return Outcome(facts, None, failed=str(error))
    # A method may come from anybody; whatever it raises costs its own column only.
    except Exception:
        logger.exception("The method %s failed", facts.name)
        return Outcome(facts, None, failed=FAILED)
    length, spent = inputs.frames / FPS, sum(made.seconds.values())
    factor = round(spent / length, 3) if made.seconds else None
    cpu_factor = round(busy / length, 3) if made.seconds and not facts.sent_to else None
    return Outcome(facts, target, made.seconds, factor, cpu_factor, warnings=made.warnings)


def _measured(
    outcome: Outcome, measure: Callable[[Path], dict[str, float]] | None, tell: Callable[[], None]
) -> Outcome:
    if outcome.video is None or measure is None:
        return outcome
    tell()
    try:
        return replace(outcome, measures=measure(outcome.video))
    except InputError as error:
        return replace(outcome, warnings=[*outcome.warnings, f"It was not measured. {error}"])
