"""The methods by name: built in, described by TOML files, and announced by other packages."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from moditalker.baselines.built_in import LOCAL
from moditalker.baselines.dubs import DUBS
from moditalker.baselines.protocol import DubMethod, Method
from moditalker.baselines.spaces.space_file import SHIPPED, find_descriptions
from moditalker.baselines.spaces.space_method import RemoteSpace
from moditalker.baselines.wav2lip.wav2lip_dub import Wav2LipDub
from moditalker.baselines.wav2lip.wav2lip_method import Wav2LipMethod
from moditalker.utils.errors import InputError

GROUP = "moditalker.baselines"
"""Entry points of other packages: each a function that takes the pipeline and gives a method, or several."""
DEFAULT = ("still", "rules", "regression", "warp", "ours")
DEFAULT_DUBS = ("still-mouth", "ours-dub")
"""What is compared when nothing is chosen: of portraits, and of videos."""


@dataclass(frozen=True)
class Sources:
    """Where methods come from that are not built in.

    Attributes:
        wav2lip: its checkpoint.
        spaces: a folder of TOML files beside the shipped ones.
    """

    wav2lip: Path | None = None
    spaces: Path | None = None

    @classmethod
    def of_environment(cls) -> "Sources":
        """As MODITALKER_WAV2LIP and MODITALKER_SPACES say."""
        wav2lip, spaces = (os.environ.get(name) for name in ("MODITALKER_WAV2LIP", "MODITALKER_SPACES"))
        return cls(Path(wav2lip) if wav2lip else None, Path(spaces) if spaces else None)


def find_methods(pipeline: Any, sources: Sources | None = None, tracker: str = "mediapipe") -> dict[str, Method]:
    """All methods by name; none of them is loaded.

    Args:
        pipeline: a ``MoDiTalkerPipeline``, what the built-in ones are made of.
        sources: of the others; none when None.
        tracker: name of the face tracker, for methods that are not made of the pipeline's parts.
    Raises:
        InputError: a TOML file is wrong, or two methods have one name.
    """
    sources = sources or Sources()
    folders = [SHIPPED] if sources.spaces is None else [SHIPPED, sources.spaces]
    found: list[Method] = [kind(pipeline) for kind in LOCAL]
    found.append(Wav2LipMethod(sources.wav2lip, tracker))
    found += find_dubs(pipeline, sources)
    found += [RemoteSpace(description) for description in find_descriptions(*folders)]
    for entry in entry_points(group=GROUP):
        given = entry.load()(pipeline)
        found += list(given) if isinstance(given, Iterable) else [given]
    methods: dict[str, Method] = {}
    for method in found:
        name = method.facts.name
        if name in methods:
            raise InputError(f"Two methods are called {name}: rename one of them.")
        methods[name] = method
    return methods


def find_dubs(pipeline: Any, sources: Sources | None = None) -> list[DubMethod]:
    """The methods of this project that dub a video, see ``find_methods``."""
    return [*(kind(pipeline) for kind in DUBS), Wav2LipDub((sources or Sources()).wav2lip)]


def choose(methods: dict[str, Method], names: Iterable[str]) -> list[Method]:
    """The methods of these names, in this order, each once.

    Raises:
        InputError: there is none of a name.
    """
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in methods]
    if unknown:
        raise InputError(f"There is no method {', '.join(unknown)}; choose from {', '.join(methods)}.")
    return [methods[name] for name in wanted]


def listing(methods: Iterable[Method]) -> list[dict[str, str]]:
    """What is told of methods, and whether each can run here (``""``) or why not."""
    asked = list(methods)
    # At once: each of those elsewhere may take its three seconds.
    with ThreadPoolExecutor(max(1, len(asked))) as pool:
        answers = pool.map(lambda method: method.available(), asked)
    return [
        {
            "name": method.facts.name,
            "title": method.facts.title,
            "what": method.facts.what,
            "licence": method.facts.licence,
            "needs": method.facts.needs,
            "sent to": method.facts.sent_to,
            "takes": "video" if method.facts.dubs else "portrait",
            "missing": missing or "",
        }
        for method, missing in zip(asked, answers, strict=True)
    ]
