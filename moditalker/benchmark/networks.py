"""The networks of the dear measures: each is made when it is first needed, and can be missing."""

import logging
from collections.abc import Callable
from typing import Any

from moditalker.utils.errors import InputError
from moditalker.utils.weight_hash import digest

logger = logging.getLogger(__name__)


def _lpips() -> Any:
    from moditalker.metrics.lpips import Lpips

    return Lpips()


def _alex_lpips() -> Any:
    from moditalker.metrics.alex_lpips import AlexLpips

    return AlexLpips()


def _dlib_points() -> Any:
    from moditalker.metrics.dlib_points import DlibPoints

    return DlibPoints()


def _identity() -> Any:
    from moditalker.metrics.identity import IdentityEncoder

    return IdentityEncoder()


def _cpbd() -> Any:
    from moditalker.metrics.sharpness import cpbd

    return cpbd


def _inception() -> Any:
    from moditalker.metrics.frechet import InceptionFeatures

    return InceptionFeatures()


def _clip_features() -> Any:
    from moditalker.metrics.frechet import ClipFeatures

    return ClipFeatures()


def _sync() -> Any:
    from moditalker.metrics.sync_confidence import sync_score
    from moditalker.sync.expert_weights import shipped_expert

    shipped_expert()  # so that missing weights are told here
    return sync_score


_MAKERS: dict[str, Callable[[], Any]] = {
    "LPIPS": _lpips,
    "LPIPS with AlexNet": _alex_lpips,
    "dlib's landmarks": _dlib_points,
    "identity": _identity,
    "sharpness": _cpbd,
    "Fréchet distance of frames": _inception,
    "Fréchet distance of clips": _clip_features,
    "lip-sync": _sync,
}


class Toolbox:
    """What the judge measures with."""

    def __init__(self) -> None:
        self._tools: dict[str, Any] = {}

    def versions(self) -> dict[str, str]:
        """What measures there are here, and of the lip-sync expert which: numbers of two of them do not compare."""
        found = {name: "yes" if self.get(name) is not None else "no" for name in _MAKERS}
        if self.get("lip-sync") is not None:
            from moditalker.sync.expert_weights import shipped_expert

            found["lip-sync"] = digest(shipped_expert())
        return found

    def get(self, name: str) -> Any:
        """One of ``_MAKERS``, made once; None, and one line in the log, where its package or weights are missing."""
        if name not in self._tools:
            try:
                self._tools[name] = _MAKERS[name]()
            except ImportError as error:
                logger.warning("%s is not measured (%s); 'pip install -r requirements-train.txt'.", name, error)
                self._tools[name] = None
            except InputError as error:
                logger.warning("%s is not measured. %s", name, error)
                self._tools[name] = None
        return self._tools[name]
