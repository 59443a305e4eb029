"""The recordings of prepared clips: decoded once from the footage and kept beside the other arrays.

DIR/clips/NAME/sound.npy    (N,) int16, 16 kHz; sample 0 is the start of the first frame
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from moditalker.audio.load import load_audio
from moditalker.training.data.index import read_index
from moditalker.utils.errors import InputError

_FULL_SCALE = 32767


def keep_sound(data: Path, workers: int = 2) -> None:
    """Decode the recordings that are not there yet, from the footage that was prepared.

    Args:
        data: folder that ``prepare`` wrote.
        workers: how many files are decoded at a time.
    Raises:
        InputError: the folder was not prepared, or the footage has gone.
    """
    content = read_index(data)
    missing = []
    for entry in content["clips"]:
        target = data / "clips" / entry["name"] / "sound.npy"
        if not target.is_file():
            missing.append((Path(entry["path"]), target))
    if not missing:
        return
    root = Path(content.get("source", ""))
    if not (root / missing[0][0]).is_file():
        raise InputError(
            f"The footage of {data} is not in {root.absolute()}, and {len(missing)} of its recordings are still to be "
            "read; run 'prepare' again into the same folder, with the list where it is now."
        )

    with ThreadPoolExecutor(workers) as pool:
        done = pool.map(lambda one: keep_recording(root / one[0], one[1].parent), missing)
        for _ in tqdm(done, total=len(missing), desc="sound", unit="clip"):
            pass


def keep_recording(source: Path, folder: Path) -> None:
    """Decode the recording of one clip into its folder, unless it is there.

    Raises:
        InputError: it cannot be read.
    """
    target = folder / "sound.npy"
    if target.is_file():
        return
    samples = np.round(load_audio(source) * _FULL_SCALE).astype(np.int16)
    partial = target.with_name("sound.part.npy")
    np.save(partial, samples)
    partial.replace(target)


def load_sound(folder: Path) -> np.ndarray:
    """The recording of one prepared clip, (N,) float32 in [-1, 1] at 16 kHz."""
    return np.load(folder / "sound.npy").astype(np.float32) / _FULL_SCALE
