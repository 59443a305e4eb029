"""Pairs of pictures of one drawn person, for trainings that learn one from the other."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from moditalker.training.people.shards import Person, read_people
from moditalker.utils.errors import InputError


@dataclass(frozen=True)
class View:
    """One picture of a person.

    Attributes:
        picture: (S, S, 3) uint8 RGB.
        landmarks: (68, 3) float32, pixels.
        mesh: (478, 3) float32, pixels.
        move: its name, ``own`` for the person's own picture.
    """

    picture: np.ndarray
    landmarks: np.ndarray
    mesh: np.ndarray
    move: str


class PeoplePairs:
    """One split of a folder that ``train people`` wrote.

    Args:
        folder: of the shards.
        split: ``train``, ``val`` or ``test``.
    Raises:
        InputError: there are no people of that split who have two pictures.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self.people: list[Person] = [person for person in read_people(folder, split) if len(person.moves) > 1]
        if not self.people:
            raise InputError(f"Nobody of the split {split!r} in {folder} has two pictures; draw more people.")

    def __len__(self) -> int:
        return len(self.people)

    def views(self, person: Person, wanted: list[int]) -> list[View]:
        """Some pictures of a person.

        Args:
            wanted: which of ``person.moves``.
        """
        with person.shard.open("rb") as file:

            def read(place: tuple[int, int]) -> io.BytesIO:
                file.seek(place[0])
                return io.BytesIO(file.read(place[1]))

            with np.load(read(person.points)) as points:
                landmarks, mesh = points["landmarks"], points["mesh"]
            pictures = [np.asarray(Image.open(read(person.pictures[index]))) for index in wanted]
        return [View(p, landmarks[i], mesh[i], person.moves[i]) for i, p in zip(wanted, pictures, strict=True)]

    def pair(self, rng: np.random.Generator) -> tuple[View, View]:
        """Two different pictures of a random person: the portrait, and what it shall become."""
        person = self.people[int(rng.integers(len(self.people)))]
        portrait, target = rng.choice(len(person.moves), 2, replace=False).tolist()
        first, second = self.views(person, [portrait, target])
        return first, second
