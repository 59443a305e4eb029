"""Motion of a recording that is still being made: what is heard so far, a little at a time.

Every ``HOP`` frames a window is sampled that ends ``LOOK_AHEAD`` frames later. What was shown already is imposed on it
at every denoising step, as between the windows of a whole recording, and each frame keeps its noise. Everything that
looks at the whole of a recording elsewhere (loudness, usual pitch, rest, the head's middle) looks at the last seconds
here. Models of single parts take their place in it as they do elsewhere, see ``atom.streamed_parts``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.arousal import GAINED, ArousalMap, voice_gains
from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.blinks import close_eyes, settle_closure
from moditalker.atom.emotion import express
from moditalker.atom.head import MOTION, POSE, HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.atom.motion_sampling import Continued, sample_head, sample_residual
from moditalker.atom.rest import rest_head, rest_lips, resting
from moditalker.atom.shown_expression import ShownExpression
from moditalker.atom.streamed_parts import WINDOW, StreamedParts
from moditalker.audio.features import FEATURE_RATE, make_speech_encoder
from moditalker.audio.prosody import prosody, with_prosody
from moditalker.audio.voice_activity import listen
from moditalker.constants import FPS, SAMPLE_RATE, SAMPLES_A_FRAME
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import POINTS, mouth_opening
from moditalker.face.motion_controls import limit_pose, most_closed, scale_expression, scale_lips, smooth_pose, untangle
from moditalker.options import AnimateOptions
from moditalker.utils.ring import Recent, evenly

LOOK_AHEAD = 8
"""Frames of sound that are awaited beyond those that are shown: 320 ms."""
HOP = 12
"""Frames that become known at a time."""
STEPS = 6
"""Denoising steps: a window is sampled again for every hop, and starts from what is known."""
_HEARD_SECONDS = 6.0
"""How far back sound is listened to at least, for its loudness and pitch, and for whether somebody speaks."""
_TAKEN_FRAMES = 4
"""Sound is taken in so many frames at a time, so what is remembered of it does not depend on how it comes. ``HOP`` and
``LOOK_AHEAD`` are whole numbers of these, so nothing waits for them."""
_MIDDLE_FRAMES = 200.0
"""Over so many frames the middle of the head's motion follows it."""
_JOINT = np.array([0.75, 0.5, 0.3, 0.15, 0.05], np.float32)
"""Share of what a window makes of the last frame that was shown, other than it was shown, in the frames after it."""
_BREATH_FRAMES = 95
_BREATH = np.array([0.006, 0, 0, 0, 0.006, 0.002], np.float32)
"""A breath's length, and how far it moves the head: a nod in radians, down in inter-ocular distances, log scale."""


@dataclass(frozen=True)
class StreamSettings:
    """How a stream's motion is sampled.

    Attributes:
        options: scales, guidance; their steps are not used.
        steps: denoising steps of each window.
        still: the head does not move.
        idle: between utterances the head breathes instead of holding still.
        smile: of a style, under the speech; None leaves the portrait's own.
    """

    options: AnimateOptions
    steps: int = STEPS
    still: bool = False
    idle: bool = False
    smile: float | None = None


class StreamedMotion:
    """From sound as it comes to landmarks.

    Args:
        atom, head, scheduler: the networks and how they are sampled.
        face: the portrait's frame.
        generators: for ``lips`` and ``head``, on the CPU. With the same seed each frame has the noise that it has when
            the whole recording is sampled.
        settings: see ``StreamSettings``.
        blendshapes: moves the face for an emotion or a smile.
        arousal: hears how lively the voice is, for the emotion ``auto``.
        parts: models of single parts, in place of what the networks say of these.
    Raises:
        InputError: there is an emotion and nothing that moves a face for it.
    """

    def __init__(
        self,
        atom: AudioToMotion,
        head: HeadMotion,
        scheduler: SchedulerMixin,
        face: FaceFrame,
        generators: dict[str, torch.Generator],
        settings: StreamSettings,
        blendshapes: BlendshapeMap | None = None,
        arousal: ArousalMap | None = None,
        parts: StreamedParts | None = None,
    ) -> None:
        self._atom, self._head, self._scheduler, self._face = atom, head, scheduler, face
        self._generators, self._settings = generators, settings
        self._shows = ShownExpression.of(settings.options, blendshapes, face.shape, settings.smile)
        self._arousal, self._parts = arousal, parts
        voice_gains(arousal, settings.options, np.zeros(SAMPLES_A_FRAME, np.float32), 1)
        self._encoder = make_speech_encoder(atom.config["speech_encoder"])
        self._content = self._encoder.dim
        self._sound = Recent(round(_HEARD_SECONDS * SAMPLE_RATE), ())
        self._window = min(WINDOW, atom.config["window"], head.config["window"])
        kept = 2 * self._window
        self._noise = {"lips": Recent(kept, (POINTS, 3)), "head": Recent(kept, (MOTION,))}
        self._raw = {"lips": Recent(kept, (POINTS, 3)), "head": Recent(kept, (MOTION,))}
        self._shown = 0
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._rest: np.ndarray | None = None
        self._closed: np.ndarray | None = None
        self._away = np.zeros(POSE, np.float32)
        self._middle: np.ndarray | None = None

    @torch.inference_mode()
    def __call__(self, sound: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Motion of a whole stream.

        Args:
            sound: pieces (N,) float32 at 16 kHz, of any length, as they come.
        Yields:
            (n, 68, 3) in the portrait's pixels, in order, as soon as they are known; all in all as many frames as the
            sound's length rounds to.
        """
        for piece in evenly(sound, _TAKEN_FRAMES * SAMPLES_A_FRAME):
            self._sound.append(piece)
            while (self._shown + HOP + LOOK_AHEAD) * SAMPLES_A_FRAME <= self._sound.end:
                yield self._hop(HOP, LOOK_AHEAD)
        frames = round(self._sound.end / SAMPLES_A_FRAME)
        while self._shown < frames:
            left = frames - self._shown
            yield self._hop(min(HOP, left), min(LOOK_AHEAD, max(0, left - HOP)))

    def _hop(self, count: int, ahead: int) -> np.ndarray:
        """The next frames, (count, 68, 3)."""
        stop = self._shown + count + ahead
        first = max(0, stop - self._window)
        speech, activity, gains = self._heard(first, stop)
        residual, head = self._sampled(speech, first, stop, count)
        residual, pose = self._settled(residual, head, activity, gains, self._shown - first, count)
        self._shown += count
        return self._face.compose(untangle(residual, self._face.shape), pose)

    def _heard(self, first: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Speech features (2n, D), activity (n,) and gains (n, 3) of the frames from ``first`` to ``stop``.

        With models of single parts, prosody stands behind the features, (2n, D + 6).
        """
        sound, start = self._sound.values, self._sound.start
        # Whole features: the encoder's first one is at the first sample.
        skipped = -start % SAMPLES_A_FRAME
        sound, start = sound[skipped : stop * SAMPLES_A_FRAME - start], (start + skipped) // SAMPLES_A_FRAME
        frames = stop - start
        features = self._encoder(sound)[: FEATURE_RATE // FPS * frames]
        features = np.pad(features, ((0, max(0, FEATURE_RATE // FPS * frames - len(features))), (0, 0)), mode="edge")
        if self._parts:
            features = with_prosody(features, prosody(sound))
        gains = voice_gains(self._arousal, self._settings.options, sound, frames, start)
        gains = np.ones((frames, len(GAINED)), np.float32) if gains is None else gains
        activity = listen(sound).activity(frames, FPS)
        return features[2 * (first - start) :], activity[first - start :], gains[first - start :]

    def _sampled(self, speech: np.ndarray, first: int, stop: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Residual (n, 68, 3) and head (n, 7) of the frames, what was shown already as it was."""
        content = speech[:, : self._content]
        residual, head = self._residual(content, first, stop), self._head_motion(content, first, stop)
        new = slice(self._shown - first, self._shown - first + count)
        self._raw["lips"].append(residual[new])
        self._raw["head"].append(head[new])
        if self._parts:
            self._parts.put_in(speech, first, self._shown, count, residual, head)
        return residual, head

    def _continued(self, part: str, first: int, stop: int) -> Continued:
        ring, size = self._noise[part], self._noise[part].values.shape[1:]
        fresh = max(0, stop - ring.end)
        # In fours, as these draw the same numbers one after the other as all at once.
        ring.append(torch.randn(fresh + -fresh % 4, *size, generator=self._generators[part]).numpy())
        return Continued(torch.from_numpy(ring.between(first, stop)), self._raw[part].between(first, self._shown))

    def _residual(self, speech: np.ndarray, first: int, stop: int) -> np.ndarray:
        """(n, 68, 3) of AToM."""
        return sample_residual(
            self._atom,
            self._scheduler,
            speech,
            self._face.shape,
            steps=self._settings.steps,
            guidance=self._settings.options.guidance,
            generator=self._generators["lips"],
            continued=self._continued("lips", first, stop),
        )

    def _head_motion(self, speech: np.ndarray, first: int, stop: int) -> np.ndarray:
        """(n, 7) of the head network; zeros where models of single parts say all of it."""
        if self._parts is not None and self._parts.moves_head_and_lids:
            return np.zeros((stop - first, MOTION), np.float32)
        pose, closure = sample_head(
            self._head,
            self._scheduler,
            speech,
            steps=self._settings.steps,
            generator=self._generators["head"],
            continued=self._continued("head", first, stop),
        )
        return np.concatenate([pose, closure[:, None]], 1)

    def _settled(
        self, lips: np.ndarray, head: np.ndarray, activity: np.ndarray, gains: np.ndarray, before: int, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """What is shown: residual (count, 68, 3) and pose (count, 6), joined to the frames before."""
        settings, shape, new = self._settings, self._face.shape, slice(before, before + count)
        if self._rest is None and activity.min() < 0.5:
            self._rest = resting(lips, shape, activity)
        rested = rest_lips(lips, shape, activity, self._rest)
        closed = most_closed(rested, shape)
        if self._closed is None or mouth_opening(closed + shape) < mouth_opening(self._closed + shape):
            self._closed = closed
        rested = scale_lips(rested, shape, settings.options.lip_scale, self._closed)
        brows, lids_gain, heads = gains.T
        rested = scale_expression(rested, settings.options.expression_scale, brows)
        start = self._shown - before
        if self._shows is not None:
            self._shows.follow(rested[activity > 0.5])
        shows = None if self._shows is None else self._shows.between(start, start + len(lips))
        lids = shape if shows is None else shape + shows.face
        rested = close_eyes(rested, lids, settings.options.blink_scale * settle_closure(lids_gain * head[:, POSE]))
        if shows is not None:
            rested = express(rested, shape, shows)
        still = np.zeros((len(head), POSE), np.float32)
        pose = still if settings.still else self._posed(head, activity, heads, before, count)
        if settings.idle:
            pose = pose + (1 - activity[:, None]) * self._breath(self._shown - before, len(pose))
        residual, shown = rested[new].copy(), pose[new].copy()
        if self._last is not None and before:
            for made, window, last in ((residual, rested, self._last[0]), (shown, pose, self._last[1])):
                share = _JOINT[:count].reshape(-1, *[1] * (made.ndim - 1))
                made[: len(share)] += share * (last - window[before - 1])
        self._last = residual[-1], shown[-1]
        return residual, shown

    def _posed(self, head: np.ndarray, activity: np.ndarray, gains: np.ndarray, before: int, count: int) -> np.ndarray:
        """(n, 6): smooth, around the slowly moving middle, at rest where nobody speaks."""
        smooth = smooth_pose(head[:, :POSE])
        if self._middle is None:
            self._middle = smooth[0]
        middles = np.empty_like(smooth)
        middles[: before + 1] = self._middle
        for frame in range(before, len(smooth)):
            last = middles[max(0, frame - 1)]
            middles[frame] = last + (smooth[frame] - last) / _MIDDLE_FRAMES
        course = gains[:, None] * (smooth - middles)
        start = max(0, before - 1)
        rested = course.copy()
        rested[start:] = rest_head(course[start:], activity[start:], self._away)
        self._away = rested[before + count - 1] - course[before + count - 1]
        self._middle = middles[before + count - 1]
        return limit_pose(rested * self._settings.options.head_scale)

    @staticmethod
    def _breath(first: int, frames: int) -> np.ndarray:
        """(frames, 6)"""
        phase = 2 * np.pi * (first + np.arange(frames)) / _BREATH_FRAMES
        return (np.sin(phase)[:, None] * _BREATH).astype(np.float32)
