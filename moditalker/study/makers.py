"""What makes the stimuli that are not there as files yet: the methods of the baseline registry."""

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from moditalker.study.parts import Method
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress

if TYPE_CHECKING:
    from moditalker.pipeline import MoDiTalkerPipeline

FILES = "files"
"""The source of a method whose videos were made elsewhere."""


@dataclasses.dataclass(frozen=True)
class Given:
    """What an item gives a method to work with.

    Attributes:
        item: its id.
        portrait, video: files, at least one of them.
        audio: file.
        seed: of everything random.
    """

    item: str
    portrait: Path | None
    video: Path | None
    audio: Path
    seed: int = 0


class Maker(Protocol):
    """Makes videos for one study."""

    def check(self, method: Method, given: Sequence[Given]) -> None:
        """Refuse a method that cannot run here, or not on one of these, before anything is made.

        Raises:
            InputError: see above.
        """
        ...

    def make(self, method: Method, given: Given, output: Path, progress: Progress) -> str:
        """Write a video; returns the revision of what made it.

        Raises:
            InputError: it cannot be made.
        """
        ...


class RegistryMaker:
    """The methods of `moditalker.baselines`, ours among them; the pipeline is loaded when it is first needed.

    Args:
        load: the pipeline.
    """

    def __init__(self, load: "Callable[[], MoDiTalkerPipeline]") -> None:
        self._load = load
        self._pipeline: MoDiTalkerPipeline | None = None

    def check(self, method: Method, given: Sequence[Given]) -> None:
        """See `Maker.check`."""
        from moditalker.baselines.protocol import Options
        from moditalker.baselines.registry import Sources, choose, find_methods

        known = {field.name for field in dataclasses.fields(Options)} - {"seed", "mark"}
        unknown = sorted(set(method.options) - known)
        if unknown:
            raise InputError(
                f"The method {method.id!r} has the option {unknown[0]!r}; the options are {', '.join(sorted(known))}."
            )
        methods = find_methods(self._loaded(), Sources.of_environment())
        source = choose(methods, [method.source])[0]
        missing = source.available()
        if missing:
            raise InputError(missing)
        kind = "video" if source.facts.dubs else "portrait"
        for one in given:
            if getattr(one, kind) is None:
                raise InputError(f"The item {one.item!r} needs a {kind} for {method.id!r} to work with.")

    def make(self, method: Method, given: Given, output: Path, progress: Progress) -> str:
        """See `Maker.make`."""
        from moditalker.baselines.protocol import Options
        from moditalker.baselines.registry import Sources, find_methods
        from moditalker.compare.inputs import prepare_inputs
        from moditalker.face.tracker import make_tracker

        pipeline = self._loaded()
        source = find_methods(pipeline, Sources.of_environment())[method.source]
        options = Options(**{**method.options, "seed": given.seed, "mark": False})
        with tempfile.TemporaryDirectory() as folder:
            tracker = make_tracker(pipeline.config["tracker"])
            portrait, video = (None, given.video) if source.facts.dubs else (given.portrait, None)
            inputs = prepare_inputs(portrait, given.audio, Path(folder), tracker, video=video)
            source.make(inputs.video or inputs.portrait, inputs.audio, output, options, progress)
        hashes = ", ".join(f"{name} {digest}" for name, digest in pipeline.weight_hashes().items())
        return f"{method.source}; {hashes}"

    def _loaded(self) -> "MoDiTalkerPipeline":
        if self._pipeline is None:
            self._pipeline = self._load()
        return self._pipeline
