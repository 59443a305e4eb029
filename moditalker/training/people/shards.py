"""Shards of drawn people: WebDataset tar files, one sample a person.

    DIR/made.json               size, psi and seed
    DIR/controls.npz            what moves what in style space
    DIR/train-00002.tar         000040.person.json, 000040.points.npz, 000040.00.jpg, 000040.01.jpg, ...

``person.json`` names the moves and holds their measured features and identity distances; ``points.npz`` holds
``landmarks`` (n, 68, 3) and ``mesh`` (n, 478, 3), float32, pixels of the pictures. A person's split follows from the
number alone, so people that are held out stay so however many are drawn.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import webdataset
from PIL import Image

from moditalker.training.people.features import FEATURES
from moditalker.training.people.photographs import Photograph
from moditalker.utils.errors import InputError

FORMAT = 1
PEOPLE_PER_SHARD = 20
SPLITS = ("train", "val", "test")
_QUALITY = 95
_HELD_OUT = 20
"""One shard in so many is val, and one is test."""


@dataclass(frozen=True)
class DrawnPerson:
    """A person as drawn.

    Attributes:
        number: of the person.
        moves: names, as ``moves.Move`` has them; the first is ``own``.
        photographs: one for each.
        faceless: pictures that were left out because there was not one face in them.
        strangers: pictures that were left out because dlib takes them for somebody else.
    """

    number: int
    moves: list[str]
    photographs: list[Photograph]
    faceless: int
    strangers: int


@dataclass(frozen=True)
class Person:
    """A person in a shard.

    Attributes:
        number, moves, faceless, strangers: as in ``DrawnPerson``.
        features: (n, 9) ``features.FEATURES`` of each picture.
        identity: (n,) distance of each picture's embedding to the first one's.
        shard: the tar file.
        points: first byte and length of ``points.npz``.
        pictures: the same of each picture.
    """

    number: int
    moves: tuple[str, ...]
    faceless: int
    strangers: int
    features: np.ndarray
    identity: np.ndarray
    shard: Path
    points: tuple[int, int]
    pictures: tuple[tuple[int, int], ...]


def split_of(shard: int) -> str:
    """``val`` for shards 0, 20, 40, ..., ``test`` for 1, 21, 41, ..., ``train`` for the others."""
    return {0: "val", 1: "test"}.get(shard % _HELD_OUT, "train")


def shard_name(shard: int) -> str:
    """File name of a shard."""
    return f"{split_of(shard)}-{shard:05d}.tar"


def write_shard(path: Path, people: list[DrawnPerson]) -> None:
    """Write one tar file; it appears when it is whole."""
    fresh = path.with_name(f".{path.name}")
    with webdataset.TarWriter(str(fresh), mtime=0) as tar:
        for person in people:
            tar.write({"__key__": f"{person.number:06d}", **_sample(person)})
    fresh.replace(path)


def _sample(person: DrawnPerson) -> dict[str, bytes]:
    own = person.photographs[0]
    distances = [float(np.linalg.norm(photograph.embedding - own.embedding)) for photograph in person.photographs]
    facts = {
        "person": person.number,
        "moves": person.moves,
        "features": [dict(zip(FEATURES, p.features.round(5).tolist(), strict=True)) for p in person.photographs],
        "identity": [round(distance, 4) for distance in distances],
        "faceless": person.faceless,
        "strangers": person.strangers,
    }
    points = io.BytesIO()
    np.savez(
        points,
        landmarks=np.stack([photograph.landmarks for photograph in person.photographs]),
        mesh=np.stack([photograph.mesh for photograph in person.photographs]),
    )
    pictures = {f"{i:02d}.jpg": _jpeg(photograph.picture) for i, photograph in enumerate(person.photographs)}
    return {"person.json": json.dumps(facts).encode(), "points.npz": points.getvalue(), **pictures}


def _jpeg(picture: np.ndarray) -> bytes:
    encoded = io.BytesIO()
    # Colours at full size: lips and teeth are small.
    Image.fromarray(picture).save(encoded, "JPEG", quality=_QUALITY, subsampling=0)
    return encoded.getvalue()


def read_people(folder: Path, split: str | None = None) -> list[Person]:
    """The people in a folder's shards, by number; all splits by default.

    Raises:
        InputError: there are none of that split.
    """
    shards = sorted(folder.glob(f"{split or '*'}-*.tar"), key=lambda path: path.stem.rsplit("-", 1)[1])
    people = [person for shard in shards for person in _scan(shard)]
    if not people and split is not None:
        raise InputError(
            f"{folder} holds no people of the split {split!r}; run 'python -m moditalker train people' first."
        )
    return people


def _scan(shard: Path) -> Iterator[Person]:
    """The people of one tar file, without their pictures."""
    files: dict[str, dict[str, tarfile.TarInfo]] = {}
    facts: dict[str, dict[str, Any]] = {}
    with tarfile.open(shard) as tar:
        for member in tar:
            key, _, name = member.name.partition(".")
            files.setdefault(key, {})[name] = member
            if name == "person.json":
                content = tar.extractfile(member)
                assert content is not None
                facts[key] = json.load(content)
    for key, members in files.items():
        says = facts[key]
        pictures = [members[name] for name in sorted(members) if name.endswith(".jpg")]
        yield Person(
            number=says["person"],
            moves=tuple(says["moves"]),
            faceless=says["faceless"],
            strangers=says["strangers"],
            features=np.array([[entry[name] for name in FEATURES] for entry in says["features"]]),
            identity=np.array(says["identity"]),
            shard=shard,
            points=_place(members["points.npz"]),
            pictures=tuple(_place(member) for member in pictures),
        )


def _place(member: tarfile.TarInfo) -> tuple[int, int]:
    return member.offset_data, member.size
