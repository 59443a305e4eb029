"""Arrays that packages carry as pickles, read without running what a pickle could run."""

import pickle
from pathlib import Path
from typing import Any

_ARRAY_PARTS = {("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}
"""What a pickled array is made of."""


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays and refuses everything else, because a pickle can otherwise run any code."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core", "numpy._core")  # its name since numpy 2
        if (module, name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(f"These weights hold {module}.{name}, which is no part of an array.")
        return super().find_class(module, name)


def read_arrays(weights: Path) -> Any:
    """Nested dictionaries of arrays.

    Raises:
        pickle.UnpicklingError: there is something else in it.
    """
    with weights.open("rb") as file:
        return _ArrayUnpickler(file).load()
