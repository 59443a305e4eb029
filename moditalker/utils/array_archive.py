"""Arrays out of an ``.npz`` file that somebody else may have made: shapes and sizes are looked at first."""

import math
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

DAMAGE = (KeyError, ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What zipfile, zlib and numpy raise on files that are damaged or no archives of arrays."""


def unpacked(archive: zipfile.ZipFile, name: str, fits: Callable[[tuple[int, ...]], bool]) -> np.ndarray:
    """An array of numbers, of which no more is unpacked than its header says.

    Args:
        archive: of the ``.npz`` file.
        name: of the array.
        fits: whether a shape may be.
    Raises:
        ValueError: its shape does not fit, it holds no numbers, or fewer than its header says.
        Exception: one of ``DAMAGE``.
    """
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in a way that numpy does not use")
    with archive.open(entry) as member:
        header = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}[read_magic(member)]
        shape, fortran, dtype = header(member)
        if dtype.kind not in "fiu" or dtype.itemsize > 8 or not fits(shape):
            raise ValueError(f"{name} has shape {shape} and type {dtype}")
        content = member.read(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
