"""What a look through the whole video gave: where shots begin, where the person is, and where lips can be changed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter1d, median_filter

from moditalker.dub.following import Follower, Seen
from moditalker.dub.hands import HandWatch
from moditalker.dub.obstacles import obstructed, skin_colours
from moditalker.dub.references import Candidates, HeadSpace, References
from moditalker.dub.shots import CutFinder
from moditalker.face.covering import coverings, is_covered
from moditalker.face.layout import interocular_distance
from moditalker.face.tracker import MAX_YAW_DEGREES, MIN_INTEROCULAR_PIXELS, yaw_degrees
from moditalker.utils.errors import InputError

COVERED = "mouth covered"
"""Why lips are kept where something is before them."""
_TREMBLE = 0.8
"""Deviation of the Gaussian over landmarks, frames."""
_GAP = 3
"""Frames without a face that are filled from their neighbours."""
_SHORTEST = 0.3
"""Seconds; shorter stretches between kept ones are not worth changing."""
_RECENT = 50
"""Frames before one that say how the skin around its mouth usually looks."""
_HAND_FRAMES = 8
"""A mouth counts as covered for so many frames before and after a hand was seen before it: looks are three apart, and a
hand is before a mouth for a while until it is known as one."""
_COVERED_SECONDS = 1.0
"""So long before and after something covers a mouth, no frame lends it its looks."""
_COVERED_FRAMES = 5
"""A mouth counts as covered where most of so many frames around show it so."""


@dataclass(frozen=True)
class Tracks:
    """The person in T frames.

    Attributes:
        landmarks: (T, 68, 3) float32 pixels, steadied; NaN where the person is not seen.
        reasons: (T,) why the lips of a frame cannot be changed; empty where they can.
        shots: (T,) which shot each frame is of, counted from 0.
        references: of each shot.
        space: of the references.
        faces: most faces that were seen at once.
    """

    landmarks: np.ndarray
    reasons: np.ndarray
    shots: np.ndarray
    references: list[References]
    space: HeadSpace
    faces: int

    def __len__(self) -> int:
        return len(self.landmarks)

    def references_of(self, shot: int) -> References:
        """Of a shot, and where it has none the person's best ones of others."""
        best = References()
        for other in self.references:
            best = best.better(other)
        return self.references[shot].or_else(best)


def track(
    frames: Iterable[np.ndarray], follower: Follower, fps: float, progress: Callable[[int], None] = lambda done: None
) -> Tracks:
    """Look through a video once, a frame at a time.

    Args:
        frames: (H, W, 3) uint8.
        follower: entered.
        fps: frames a second.
        progress: called with the frames done.
    Raises:
        InputError: nowhere can lips be changed, or the follower's number is too high.
    """
    find_cut = CutFinder()
    seen: list[Seen] = []
    reasons: list[str] = []
    colours: dict[int, np.ndarray] = {}
    hands: list[bool] = []
    mixed: set[int] = set()
    shots: list[int] = []
    candidates: list[Candidates] = []
    recent: list[np.ndarray] = []
    space: HeadSpace | None = None
    with HandWatch() as watch:
        for frame in frames:
            cut = find_cut(frame)
            if cut:
                candidates.append(Candidates(round(_COVERED_SECONDS * fps)))
                recent = []
            one = follower(frame, cut)
            reason = one.reason or ("" if one.landmarks is None else _unusable(frame, one.landmarks))
            hands.append(False)
            mixed.update(range(len(seen) + 1 - find_cut.mixed, len(seen) + 1))
            if one.landmarks is not None and not reason:
                space = space or HeadSpace.fitting(one.landmarks)
                colours[len(seen)] = skin_colours(frame, one.landmarks)
                recent = [*recent[-_RECENT:], colours[len(seen)]]
                hands[-1] = watch(frame, one.landmarks)
                if hands[-1] or obstructed(np.stack(recent))[-1]:
                    candidates[-1].covered(len(seen))
                elif not find_cut.mixed:
                    candidates[-1].offer(len(seen), frame, one.landmarks, space)
            elif reason == COVERED:
                candidates[-1].covered(len(seen))
            seen.append(one)
            reasons.append(reason)
            shots.append(len(candidates) - 1)
            progress(len(seen))
    if not seen:
        raise InputError("The video has no frame: save it again as MP4 (H.264).")
    if space is None:
        raise _nowhere(reasons)
    shot_of = np.array(shots)
    for shot in range(len(candidates)):
        indices = [index for index in colours if shots[index] == shot]
        if indices:
            hidden = obstructed(np.stack([colours[index] for index in indices]))
            for index in np.array(indices)[hidden].tolist():
                reasons[index] = COVERED
    near_hands = binary_dilation(hands, iterations=_HAND_FRAMES)
    for index in range(len(reasons)):
        if not reasons[index] and near_hands[index]:
            reasons[index] = COVERED
        if index in mixed:
            reasons[index] = "dissolve"
    landmarks = _steadied(seen, shot_of)
    settled = _settled(reasons, landmarks, shot_of, fps)
    if not (settled == "").any():
        raise _nowhere(settled.tolist())
    references = [one.chosen() for one in candidates]
    if all(one == References() for one in references):
        references = [one.doubtful for one in candidates]
    return Tracks(landmarks, settled, shot_of, references, space, follower.faces)


def _nowhere(reasons: list[str]) -> InputError:
    """The sentence about a video in which no lips can be changed, with the most frequent reason."""
    return InputError(
        f"Nowhere in the video can the lips be changed ({max(set(reasons), key=reasons.count)}); use one that shows a "
        "face from the front, in good light and not too small."
    )


def _unusable(frame: np.ndarray, landmarks: np.ndarray) -> str:
    """Why lips cannot be changed where a face is seen; empty where they can."""
    if float(interocular_distance(landmarks)) < MIN_INTEROCULAR_PIXELS:
        return "too small"
    if abs(yaw_degrees(landmarks)) > MAX_YAW_DEGREES:
        return "turned away"
    mouth, size = landmarks[48:, :2], frame.shape[1::-1]
    if (mouth < 0).any() or (mouth >= size).any():
        return "mouth outside the picture"
    return COVERED if is_covered(coverings(frame, landmarks)) else ""


def _steadied(seen: list[Seen], shots: np.ndarray) -> np.ndarray:
    """Landmarks without the tracker's tremble, short gaps filled; nothing is mixed across a cut or a search."""
    landmarks = np.full((len(seen), 68, 3), np.nan, np.float32)
    for index, one in enumerate(seen):
        if one.landmarks is not None:
            landmarks[index] = one.landmarks
    known = ~np.isnan(landmarks[:, 0, 0])
    for start, stop in runs(~known):
        inside = start > 0 and stop < len(seen) and shots[start - 1] == shots[stop]
        if inside and stop - start <= _GAP:
            before, after = landmarks[start - 1], landmarks[stop]
            shares = (np.arange(1, stop - start + 1) / (stop - start + 1))[:, None, None]
            landmarks[start:stop] = before + shares * (after - before)
    known = ~np.isnan(landmarks[:, 0, 0])
    for start, stop in runs(known, shots):
        landmarks[start:stop] = gaussian_filter1d(landmarks[start:stop], _TREMBLE, axis=0, mode="nearest")
    return landmarks


def _settled(reasons: list[str], landmarks: np.ndarray, shots: np.ndarray, fps: float) -> np.ndarray:
    """Reasons that do not flutter: filled gaps are usable, and what is too short between kept stretches is kept."""
    settled = np.array(reasons, dtype=object)
    settled[~np.isnan(landmarks[:, 0, 0]) & np.isin(settled, ["no face", "another person"])] = ""
    covered = settled == COVERED
    steady = median_filter(covered.astype(np.uint8), _COVERED_FRAMES, mode="nearest").astype(bool)
    settled[covered & ~steady] = ""
    settled[steady & (settled == "")] = COVERED
    for start, stop in runs(settled == "", shots):
        if stop - start < _SHORTEST * fps and len(settled) > stop - start:
            before = settled[start - 1] if start > 0 else ""
            settled[start:stop] = before or (settled[stop] if stop < len(settled) else "") or "too short"
    return settled


def runs(wanted: np.ndarray, groups: np.ndarray | None = None) -> list[tuple[int, int]]:
    """First and last plus one of each run of frames that are wanted, (T,) bool, and of one group."""
    edges = np.flatnonzero(np.diff(wanted.astype(np.int8), prepend=0, append=0))
    found = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        inner = [] if groups is None else (np.flatnonzero(np.diff(groups[start:stop])) + 1 + start).tolist()
        found += list(zip([start, *inner], [*inner, stop], strict=True))
    return found
