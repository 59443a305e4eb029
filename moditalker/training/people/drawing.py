"""``train people``: draws people who do not exist, as pairs for the trainings that follow.

The generator's weights are distilled from StyleGAN2 trained on FFHQ (NVIDIA, non-commercial). The pictures go into
training only; they belong into no repository.
"""

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from moditalker.training.people.controls import Controls
from moditalker.training.people.features import FEATURES
from moditalker.training.people.fitting import fit_controls
from moditalker.training.people.generator import LARGEST, PeopleGenerator
from moditalker.training.people.moves import PICTURES, choose_moves
from moditalker.training.people.photographs import Photograph, Photographer
from moditalker.training.people.shards import (
    FORMAT,
    PEOPLE_PER_SHARD,
    DrawnPerson,
    read_people,
    shard_name,
    write_shard,
)
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

SMALLEST = 128
"""Side of the smallest pictures, pixels."""
MOST_YAW = 25.0
"""Largest yaw of a person's own picture, degrees."""
STRANGER = 0.6
"""Distance of two dlib embeddings from which they are two people (D. King, 2017)."""


@dataclass(frozen=True)
class PeopleConfig:
    """What is drawn.

    Attributes:
        output: folder of the shards; what is there already is not drawn again.
        people: how many numbers are drawn, in whole shards; a few of them are nobody of use.
        minutes: no shard is begun after so many; 0 for no limit.
        size: side of the pictures, pixels.
        psi: how far from the mean person, 0 to 1.
        seed: the same seed gives the same people.
        fitted: people drawn to find the controls, and pictures of each experiment with them.
    """

    output: Path
    people: int = 3000
    minutes: float = 0.0
    size: int = 512
    psi: float = 0.75
    seed: int = 0
    fitted: tuple[int, int] = (700, 400)


def draw_people(config: PeopleConfig) -> dict[str, float]:
    """Draw the shards that are missing.

    Args:
        config: what is drawn.
    Returns:
        Numbers of people and pictures in the folder, of pictures left out because they had no single face or showed
        somebody else, and seconds a picture of this run.
    Raises:
        InputError: a package is missing, the size cannot be drawn, or the folder holds other people.
    """
    if not SMALLEST <= config.size <= LARGEST:
        raise InputError(f"Pictures of {config.size} pixels cannot be drawn; choose {SMALLEST} to {LARGEST}.")
    config.output.mkdir(parents=True, exist_ok=True)
    _check_same(config)
    names = [shard_name(number) for number in range(-(-config.people // PEOPLE_PER_SHARD))]
    missing = [number for number, name in enumerate(names) if not (config.output / name).is_file()]
    began, drawn = time.monotonic(), 0
    if missing:
        photographer = Photographer(PeopleGenerator(), config.size)
        controls = _controls(photographer, config)
        began = time.monotonic()
        bar = tqdm(total=len(missing) * PEOPLE_PER_SHARD, desc="people", unit="person")
        for number in missing:
            if config.minutes and time.monotonic() - began > 60 * config.minutes:
                logger.warning("The time is over; %d of %d shards are left.", len(names) - number, len(names))
                break
            first = number * PEOPLE_PER_SHARD
            people = []
            for person in range(first, first + PEOPLE_PER_SHARD):
                result = draw_person(photographer, controls, person, config)
                bar.update()
                drawn += PICTURES
                if result is not None:
                    people.append(result)
            write_shard(config.output / names[number], people)
    seconds = (time.monotonic() - began) / max(drawn, 1)
    return {**_summary(config.output), "seconds_a_picture": seconds}


def draw_person(
    photographer: Photographer, controls: Controls, number: int, config: PeopleConfig
) -> DrawnPerson | None:
    """One person's pictures; the same number, seed and controls give the same pictures.

    Args:
        number: of the person.
    Returns:
        None where the person's own picture is of no use: no face, several, or one that is turned away.
    """
    rng = np.random.default_rng((config.seed, 1, number))
    generator = photographer.generator
    w = controls.mean + config.psi * (generator.sample(rng) - controls.mean)
    place = generator.styles(w)
    own = photographer.take(place)
    if own is None or abs(own.features[FEATURES.index("yaw")]) > MOST_YAW:
        return None
    kept: list[tuple[str, Photograph]] = []
    faceless = strangers = 0
    for move in choose_moves(own.features, rng):
        photograph = photographer.take(place + controls.shift(move.change)) if move.change else own
        if photograph is None:
            faceless += 1
        elif np.linalg.norm(photograph.embedding - own.embedding) >= STRANGER:
            strangers += 1
        else:
            kept.append((move.name, photograph))
    return DrawnPerson(number, [name for name, _ in kept], [photograph for _, photograph in kept], faceless, strangers)


def _controls(photographer: Photographer, config: PeopleConfig) -> Controls:
    path = config.output / "controls.npz"
    if not path.is_file():
        people, experiments = config.fitted
        fit_controls(photographer, config.seed, people=people, experiments=experiments).save(path)
    return Controls.load(path)


def _check_same(config: PeopleConfig) -> None:
    made = {"format": FORMAT, "size": config.size, "psi": config.psi, "seed": config.seed}
    file = config.output / "made.json"
    if file.is_file() and json.loads(file.read_text()) != made:
        raise InputError(f"{config.output} holds people that were drawn otherwise ({file}); name another folder.")
    file.write_text(json.dumps(made))


def _summary(folder: Path) -> dict[str, float]:
    people = read_people(folder)
    return {
        "people": len(people),
        "pictures": sum(len(person.moves) for person in people),
        "no_face": sum(person.faceless for person in people),
        "somebody_else": sum(person.strangers for person in people),
    }
