"""Finds by experiment which directions of the style space open mouths, shut eyes and turn heads.

Correlation over many people names channels that may move something; an experiment says what they do. Random shifts of
many channels at once are drawn and tracked, and a ridge regression splits the changes among the channels (a factorial
experiment: a few hundred pictures tell of a hundred channels). Heads turn by the coarse layers, where no single channel
does it. There the shifts are along principal components of people's styles (E. Härkönen et al., "GANSpace", 2020). The
change of dlib's identity embedding is split in the same way, and so is the change of the upper half of the picture, so
that a move is made of shifts that leave the person, hair and glasses.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import nnls
from tqdm import tqdm

from moditalker.training.people.controls import Controls
from moditalker.training.people.features import FEATURES
from moditalker.training.people.generator import PeopleGenerator
from moditalker.training.people.photographs import Photograph, Photographer
from moditalker.utils.errors import InputError

_CANDIDATES = 22
"""Channels that are tried for each feature of the expression."""
_EXPRESSION = FEATURES.index("yaw")
"""How many of ``FEATURES``, the first ones, are expression; the others are pose."""
_SHAPE_LAYERS = (3, 13)
"""Channels are tried after so many layers and up to so many: 8 to 64 pixels. Those before move the whole head, those
after change colour and texture."""
_POSE_LAYERS = 7
"""Layers of 4 to 16 pixels, which hold the pose."""
_COMPONENTS = 28
_UPPER = (73, 128)
"""Height and width to which pictures are brought, upper part, to compare hair, glasses and background."""
_PRIOR = 40.0
"""How much the mean of all channels counts where the experiment says little of one channel's effect on appearance."""
_FRONTAL = 20.0
"""Largest yaw of a person that experiments are made on, degrees."""


@dataclass(frozen=True)
class _Drawn:
    """A person who was drawn: place in style space, what was measured, and the upper part of the picture."""

    place: np.ndarray
    features: np.ndarray
    embedding: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class _Effects:
    """What each of K directions does: features (K, 9), embedding (K, 128), appearance (K,)."""

    gains: np.ndarray
    identity: np.ndarray
    appearance: np.ndarray


@dataclass(frozen=True)
class _Shifts:
    """How an experiment draws its shifts: the part of directions in use, smallest and largest size, and the ridge."""

    used: float
    least: float
    most: float
    ridge: float


_CHANNEL_SHIFTS = _Shifts(0.25, 1.5, 4.0, 60.0)
_COMPONENT_SHIFTS = _Shifts(0.3, 0.5, 1.5, 15.0)


def fit_controls(
    photographer: Photographer, seed: int, *, people: int = 700, experiments: int = 400, psi: float = 0.7
) -> Controls:
    """Draw people, find candidates, experiment with them.

    Args:
        photographer: draws and measures.
        seed: of everything that is drawn at random.
        people: how many are drawn for the correlations.
        experiments: pictures of each of the two experiments, on channels and on components.
        psi: how far from the mean person the people are, 0 to 1.
    Raises:
        InputError: hardly any face was found.
    """
    generator = photographer.generator
    rng = np.random.default_rng((seed, 0))
    mean = _mean_style(generator, rng)
    drawn = []
    for _ in tqdm(range(people), desc="people", unit="picture"):
        place = generator.styles(mean + psi * (generator.sample(rng) - mean))
        photograph = photographer.take(place)
        if photograph is not None:
            drawn.append(_Drawn(place, photograph.features, photograph.embedding, _upper(photograph)))
    if len(drawn) < max(people // 2, 2):
        raise InputError(f"A face was found in only {len(drawn)} of {people} drawn people; '--psi' may be too large.")
    places = np.stack([one.place for one in drawn])
    deviation = places.std(0)
    chosen = _candidates(generator, places, np.stack([one.features for one in drawn]))
    channels = np.zeros((len(chosen), generator.channels), np.float32)
    channels[np.arange(len(chosen)), chosen] = deviation[chosen]
    components = _components(places, deviation, generator.end(_POSE_LAYERS))
    of_channels = _experiment(photographer, drawn, channels, _CHANNEL_SHIFTS, experiments, rng)
    of_components = _experiment(photographer, drawn, components, _COMPONENT_SHIFTS, experiments, rng)
    return Controls(
        mean=mean,
        basis=np.concatenate([channels, components]),
        components=np.array([len(components)]),
        gains=np.concatenate([of_channels.gains, of_components.gains]),
        identity=np.concatenate([of_channels.identity, of_components.identity]),
        # A turn changes the whole picture, and must.
        appearance=np.concatenate([of_channels.appearance, np.zeros(len(components))]),
    )


def _mean_style(generator: PeopleGenerator, rng: np.random.Generator) -> np.ndarray:
    """(512,) the mean of 4,000 random style vectors."""
    return np.mean([generator.sample(rng) for _ in range(4000)], 0)


def _candidates(generator: PeopleGenerator, places: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Channels that go along with some feature of the expression, in any direction; sorted indices."""
    first, end = (generator.end(layers) for layers in _SHAPE_LAYERS)
    correlation = _standard(places[:, first:end]).T @ _standard(features[:, :_EXPRESSION]) / len(places)
    best = np.argsort(-np.abs(correlation), axis=0)[:_CANDIDATES]
    return first + np.unique(best)


def _components(places: np.ndarray, deviation: np.ndarray, end: int) -> np.ndarray:
    """(28 or fewer, channels) one standard deviation of each principal component of the layers that hold the pose."""
    scores, sizes, directions = np.linalg.svd(_standard(places[:, :end]), full_matrices=False)
    kept = min(_COMPONENTS, len(scores) - 1)
    components = np.zeros((kept, places.shape[1]), np.float32)
    components[:, :end] = directions[:kept] * sizes[:kept, None] / np.sqrt(len(places)) * deviation[:end]
    return components


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(0)) / (values.std(0) + 1e-6)


def _upper(photograph: Photograph) -> np.ndarray:
    """(73, 128, 3) float32: hair, glasses and background, small."""
    height, width = _UPPER
    small = cv2.resize(photograph.picture, (width, width), interpolation=cv2.INTER_AREA)
    return small[:height].astype(np.float32)


def _experiment(
    photographer: Photographer,
    drawn: list[_Drawn],
    directions: np.ndarray,
    shifts: _Shifts,
    count: int,
    rng: np.random.Generator,
) -> _Effects:
    frontal = [one for one in drawn if abs(one.features[FEATURES.index("yaw")]) < _FRONTAL]
    amounts, features, embeddings, squares = [], [], [], []
    for _ in tqdm(range(count), desc="experiments", unit="picture"):
        own = frontal[int(rng.integers(len(frontal)))]
        sign = rng.choice([-1, 1], len(directions)) * (rng.random(len(directions)) < shifts.used)
        amount = sign * rng.uniform(shifts.least, shifts.most, len(directions))
        photograph = photographer.take(own.place + (amount @ directions).astype(np.float32))
        if photograph is None:
            continue
        amounts.append(amount)
        features.append(photograph.features - own.features)
        embeddings.append(photograph.embedding - own.embedding)
        squares.append(float(np.square(_upper(photograph) - own.upper).mean()))
    if not amounts:
        raise InputError("No face was found in any picture of the experiment; draw more of them.")
    x = np.stack(amounts)
    inverse = np.linalg.solve(x.T @ x + shifts.ridge * np.eye(x.shape[1]), x.T)
    gains, identity = (inverse @ (np.stack(y) - np.mean(y, 0)) for y in (features, embeddings))
    return _Effects(gains, identity, _appearance(np.square(x), np.array(squares)))


def _appearance(used: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Split squared changes of a picture among directions: shifts of random signs add up in squares.

    Args:
        used: (n, K) squared shifts.
        changed: (n,) mean squared changes.
    Returns:
        (K,) by one standard deviation of each, not negative.
    """
    count = used.shape[1]
    usual = changed.mean() / max(used.sum(1).mean(), 1e-9)
    system = np.concatenate([used, _PRIOR * np.eye(count)])
    effects: np.ndarray = nnls(system, np.concatenate([changed, np.full(count, _PRIOR * usual)]))[0]
    return effects
