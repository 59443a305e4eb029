"""What makes the stimuli that are not there as files yet: the methods of the baseline registry."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from moditalker.study.parts import Method
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress

if TYPE_CHECKING:
    from moditalker.pipeline import MoDiTalkerPipeline

FILES = "files"
"""The source of a method whose videos were made elsewhere."""


class Maker(Protocol):
    """Makes videos for one study."""

    def check(self, method: Method) -> None:
        """Refuse a method that cannot run here, before anything is made.

        Raises:
            InputError: see above.
        """
        ...

    def make(self, method: Method, portrait: Path, audio: Path, seed: int, output: Path, progress: Progress) -> str:
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

    def check(self, method: Method) -> None:
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
        missing = choose(methods, [method.source])[0].available()
        if missing:
            raise InputError(missing)

    def make(self, method: Method, portrait: Path, audio: Path, seed: int, output: Path, progress: Progress) -> str:
        """See `Maker.make`."""
        from moditalker.baselines.protocol import Options
        from moditalker.baselines.registry import Sources, find_methods
        from moditalker.compare.inputs import prepare_inputs
        from moditalker.face.tracker import make_tracker

        pipeline = self._loaded()
        source = find_methods(pipeline, Sources.of_environment())[method.source]
        options = Options(**{**method.options, "seed": seed, "mark": False})
        with tempfile.TemporaryDirectory() as folder:
            inputs = prepare_inputs(portrait, audio, Path(folder), make_tracker(pipeline.config["tracker"]))
            source.make(inputs.portrait, inputs.audio, output, options, progress)
        hashes = ", ".join(f"{name} {digest}" for name, digest in pipeline.weight_hashes().items())
        return f"{method.source}; {hashes}"

    def _loaded(self) -> "MoDiTalkerPipeline":
        if self._pipeline is None:
            self._pipeline = self._load()
        return self._pipeline
