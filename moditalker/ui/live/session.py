"""One visitor of `/live`: a portrait, what it is to say in turn, and a video of each of these."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

import numpy as np

from moditalker.atom.style import Manner
from moditalker.audio.pcm import PcmDecoder
from moditalker.audio.text_to_speech import synthesize
from moditalker.audio.utterances import Utterances
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.live import Piece, write_live
from moditalker.portrait import Portrait
from moditalker.ui.live.opening import SKIPPED, Opening
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.operator_metrics import Metrics
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.work import BEAT_SECONDS
from moditalker.utils.errors import AbandonedError, InputError

FRAGMENT_SECONDS = 0.4
IDLE = "idle"
SILENT_SECONDS = 10.0
"""A client that sends no sound for so long has stopped: others wait for the machine."""
_SENTENCE_ENDS = re.compile(r"(?<=[.!?…])\s+")

Send = Callable[[dict[str, Any] | bytes], None]
"""Hands an event, or a part of a video, to the client; raises an `AbandonedError` when he has left."""


@dataclass
class Turn:
    """Something that is said.

    Attributes:
        kind: ``speech`` of the client, a ``text``, or `IDLE`.
        at: seconds from the client's first sound to the turn's, where it is the client's.
        parts: of its sound, (N,) float32 at 16 kHz; None ends them.
        samples: how many came so far.
        frames: how many were drawn so far.
        text: to be spoken, in place of parts.
        over: no sound came for so long that it was ended.
    """

    kind: str
    at: float = 0.0
    parts: SimpleQueue[np.ndarray | None] = field(default_factory=SimpleQueue)
    samples: int = 0
    frames: int = 0
    text: str = ""
    over: bool = False


class _GivesWayError(Exception):
    """An idle turn ends early, as there is something to say."""


class Session:
    """What a client says comes in through `hear`, `say`, `idle` and `end`, in any thread; `run` makes the videos.

    Args:
        pipeline: what streams.
        portrait: encoded.
        opening: the client's options.
        settings: limits.
        line: where each turn waits for the machine.
        metrics: for the operator.
        send: to the client.
        style: see ``atom.style``, or None.
    """

    def __init__(
        self,
        pipeline: Any,
        portrait: Portrait,
        opening: Opening,
        settings: Settings,
        line: Line,
        metrics: Metrics,
        send: Send,
        style: Manner | None = None,
    ) -> None:
        self._pipeline, self._portrait, self._opening, self._settings = pipeline, portrait, opening, settings
        self._line, self._metrics, self._send = line, metrics, send
        self._options = opening.stream_options() | {"style": style}
        self._decoder = PcmDecoder(opening.rate)
        self._utterances = Utterances() if opening.pauses == SKIPPED else None
        self._turns: SimpleQueue[Turn | None] = SimpleQueue()
        self._spoken: deque[Turn] = deque()
        """What there is to say that has not begun: idle turns give way to it."""
        self._open: Turn | None = None
        self._left = Event()

    def hear(self, data: bytes) -> None:
        """Take PCM of the opening's rate."""
        self._take(self._decoder(data))

    def say(self, text: str) -> None:
        """Have a text spoken, sentence by sentence.

        Raises:
            InputError: it is too long, or there is nothing to say.
        """
        if len(text) > self._settings.max_text:
            raise InputError(
                f"The text has {len(text)} characters and at most {self._settings.max_text} are spoken: shorten it."
            )
        sentences = [one for one in _SENTENCE_ENDS.split(text.strip()) if any(map(str.isalnum, one))]
        if not sentences:
            raise InputError("The text holds nothing that can be pronounced: type at least one English word.")
        for sentence in sentences:
            self._put(Turn("text", text=sentence))

    def idle(self, seconds: float) -> None:
        """Have the portrait say nothing for a while: it breathes and blinks."""
        turn = Turn(IDLE)
        self._add(turn, np.zeros(round(seconds * SAMPLE_RATE), np.float32))
        turn.parts.put(None)
        self._put(turn)

    def end(self) -> None:
        """There is no more to come; `run` ends after what is left."""
        self._take(self._decoder.rest())
        self._end_turn()
        self._turns.put(None)

    def leave(self) -> None:
        """The client has gone: `run` ends within a block of frames."""
        self._left.set()
        self._turns.put(None)

    def run(self) -> None:
        """Make a video of each turn.

        Raises:
            AbandonedError: the client has left.
        """
        number = 0
        while (turn := self._turns.get()) is not None and not self._left.is_set():
            if turn.kind != IDLE:
                self._spoken.popleft()
            try:
                with self._metrics.request("live"):
                    self._make(turn, number)
            except InputError as error:
                self._send({"event": "refused", "turn": number, "sentence": str(error)})
            number += 1

    def _take(self, sound: np.ndarray) -> None:
        if self._utterances is None:
            if len(sound):
                turn = self._open
                self._add(self._begin(0.0) if turn is None or turn.over else turn, sound)
            return
        for part, begins in self._utterances(sound):
            if begins:
                self._begin((self._utterances.heard - len(part)) / SAMPLE_RATE)
            if self._open is not None:
                self._add(self._open, part)
            if not self._utterances.speaks:
                self._end_turn()

    def _put(self, turn: Turn) -> None:
        if turn.kind != IDLE:
            self._spoken.append(turn)
        self._turns.put(turn)

    def _begin(self, at: float) -> Turn:
        self._open = Turn("speech", at)
        self._put(self._open)
        return self._open

    def _add(self, turn: Turn, sound: np.ndarray) -> None:
        fits = round(self._settings.max_live_seconds * SAMPLE_RATE) - turn.samples
        turn.samples += len(sound[:fits])
        turn.parts.put(sound[:fits])
        if fits < len(sound):
            self._end_turn()
            raise InputError(f"At most {self._settings.max_live_seconds:g} seconds are spoken in one go: make a pause.")

    def _end_turn(self) -> None:
        if self._open is not None:
            self._open.parts.put(None)
            self._open = None

    def _make(self, turn: Turn, number: int) -> None:
        """Wait for the machine, and then draw a turn."""
        with self._line.place() as place:
            for waiting in place.wait(BEAT_SECONDS):
                self._go_on()
                self._send({"event": "waiting", "turn": number, "before": waiting.before})
            started = time.perf_counter()
            self._send({"event": "begins", "turn": number, "kind": turn.kind, "at": round(turn.at, 3)})
            with suppress(_GivesWayError):
                write_live(
                    self._pipeline,
                    self._portrait,
                    self._sound(turn, number),
                    _Sink(self._send),
                    on_piece=lambda piece: self._drawn(turn, piece),
                    fragment_seconds=FRAGMENT_SECONDS,
                    mark=self._settings.mark,
                    idle=True,
                    **self._options,
                )
            spent = time.perf_counter() - started
        self._metrics.made("live", {}, turn.frames / FPS)
        self._send({"event": "made", "turn": number, "seconds": turn.frames / FPS, "work": round(spent, 3)})

    def _sound(self, turn: Turn, number: int) -> Iterator[np.ndarray]:
        """A turn's sound as it comes; its length is told as soon as it is known."""
        if turn.text:
            spoken = synthesize(turn.text)
            turn.parts.put(spoken)
            turn.parts.put(None)
            turn.samples = len(spoken)
        while (part := self._part(turn)) is not None:
            yield part
        self._send({"event": "heard", "turn": number, "seconds": turn.samples / SAMPLE_RATE})

    def _part(self, turn: Turn) -> np.ndarray | None:
        for _ in range(round(SILENT_SECONDS / BEAT_SECONDS)):
            self._go_on()
            try:
                return turn.parts.get(timeout=BEAT_SECONDS)
            except Empty:
                continue
        turn.over = True
        return None

    def _drawn(self, turn: Turn, piece: Piece) -> None:
        turn.frames += len(piece.frames)
        self._go_on()
        if turn.kind == IDLE and self._spoken:
            raise _GivesWayError

    def _go_on(self) -> None:
        if self._left.is_set():
            raise AbandonedError


class _Sink:
    """Where a turn's video goes."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def write(self, data: bytes) -> None:
        """Hand it on."""
        self._send(data)
