"""What a worker of a batch does: a row in, a video in the output folder, and what is known of it out."""

import hashlib
import json
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile
import torch
from PIL import Image

from moditalker.audio.load import recording_of
from moditalker.audio.recording import Recording
from moditalker.audio.text_to_speech import synthesize
from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.baselines.built_in import LocalMethod
from moditalker.baselines.protocol import Made, Method, Options
from moditalker.baselines.registry import Sources, choose, find_methods
from moditalker.batch.rows import OURS, Row
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.engine.places import OutputFolder, fetched
from moditalker.loading import load_pipeline
from moditalker.portrait import Portrait
from moditalker.utils.errors import InputError
from moditalker.utils.progress import unasked

Record = dict[str, Any]
"""What is known of a row, see ``batch.manifest.COLUMNS``."""

RECORDS, VIDEOS = "records", "videos"
"""Folders of the output: one JSON file a finished row, and its video."""
_PORTRAITS = 4
"""Portraits that a worker keeps; rows of one portrait come one after the other."""


@dataclass(frozen=True)
class MakerFactory:
    """How workers load; pickled to each.

    Attributes:
        preset: a preset's name, or a folder or hub id of weights.
        output: path or address.
        threads: of the networks. The frames depend on it in their last bits.
        sources: of methods that are not built in.
    """

    preset: str
    output: str
    threads: int = 1
    sources: Sources | None = None

    def __call__(self) -> "RowMaker":
        """In the worker."""
        torch.set_num_threads(self.threads)
        return RowMaker(load_pipeline(self.preset), OutputFolder(self.output), self.sources)


class RowMaker:
    """Makes rows' videos on one pipeline.

    Args:
        pipeline: a ``TalkingPipeline``.
        output: where videos and records go.
        sources: of methods that are not built in.
    """

    def __init__(self, pipeline: Any, output: OutputFolder, sources: Sources | None = None) -> None:
        self._pipeline, self._output, self._sources = pipeline, output, sources
        self._portraits: OrderedDict[tuple[str, Any, Any], Portrait] = OrderedDict()
        self._methods: dict[str, Method] | None = None

    def __call__(self, row: Row) -> Record:
        """Make a video, then its record; a row that has a record is not made again.

        Raises:
            InputError: the row cannot be made, in one sentence.
        """
        before = self._output.read(f"{RECORDS}/{row.name}.json")
        if before is not None and json.loads(before)["key"] == row.key:
            found: Record = json.loads(before)
            return found
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            video = Path(scratch) / f"{row.name}.mp4"
            told = self._make(row, video, Path(scratch))
            content = video.read_bytes()
            self._output.put(video, f"{VIDEOS}/{video.name}")
        record = {
            **told_of(row),
            "status": "done",
            "video": f"{VIDEOS}/{video.name}",
            **told,
            "spent": round(time.perf_counter() - started, 3),
            "video_sha256": hashlib.sha256(content).hexdigest(),
        }
        # Last: a row is finished when this is there.
        self._output.write(f"{RECORDS}/{row.name}.json", json.dumps(record).encode())
        return record

    def _make(self, row: Row, video: Path, scratch: Path) -> Record:
        options = dict(row.options)
        recording = self._recording(row, scratch)
        portrait = self._portrait(row, scratch)
        if row.method == OURS:
            head = row.head_motion
            head = head if head in ("natural", "still") else str(fetched(head, scratch))
            report = self._pipeline.animate(portrait, recording, video, head_motion=head, **options)
            return {
                "frames": report["frames"],
                "seconds": report["frames"] / FPS,
                "timings": report["seconds"],
                "warnings": report["warnings"],
                "weights": report["weights"],
                "frames_sha256": report["frames_sha256"],
            }
        made = self._made_by(row, portrait, recording, video, scratch)
        frames = round(recording.seconds * FPS)
        return {
            "frames": frames,
            "seconds": frames / FPS,
            "timings": made.seconds,
            "warnings": made.warnings,
            "weights": {},
            "frames_sha256": made.frames_sha256,
        }

    def _recording(self, row: Row, scratch: Path) -> Recording:
        limit = float(row.options.get("max_seconds", self._pipeline.default_options.max_seconds))
        if row.text:
            spoken = synthesize(row.text, voice=row.voice or DEFAULT_VOICE)
            return recording_of(Recording.of_samples(spoken, "text"), limit)
        return recording_of(fetched(row.audio, scratch), limit)

    def _portrait(self, row: Row, scratch: Path) -> Portrait:
        """Encoded at its first row."""
        key = (row.portrait, row.options.get("crop"), row.options.get("face"))
        if key not in self._portraits:
            crop = row.options.get("crop", self._pipeline.default_options.crop)
            picture = fetched(row.portrait, scratch)
            self._portraits[key] = self._pipeline.encode_portrait(picture, crop, face=row.options.get("face"))
            while len(self._portraits) > _PORTRAITS:
                self._portraits.popitem(last=False)
        self._portraits.move_to_end(key)
        return self._portraits[key]

    def _made_by(self, row: Row, portrait: Portrait, recording: Recording, video: Path, scratch: Path) -> Made:
        if self._methods is None:
            self._methods = find_methods(self._pipeline, self._sources, self._pipeline.config["tracker"])
        method = choose(self._methods, [row.method])[0]
        if method.facts.dubs:
            raise InputError(f"{row.method} changes the lips in a video, and a batch animates portraits: use compare.")
        missing = method.available()
        if missing:
            raise InputError(missing)
        taken = ("seed", "atom_steps", "mtov_steps", "guidance")
        given = {name: row.options[name] for name in taken if name in row.options}
        options = Options(head_motion=row.head_motion, **given)
        sound = scratch / "speech.wav"
        soundfile.write(sound, recording.samples, SAMPLE_RATE, subtype="PCM_16")
        if isinstance(method, LocalMethod):
            return method.make(portrait, sound, video, options, unasked)
        picture = scratch / "portrait.png"
        Image.fromarray(portrait.picture).save(picture)
        return method.make(picture, sound, video, options, unasked)


def told_of(row: Row) -> Record:
    """What is known of a row before it is made."""
    return {
        "name": row.name,
        "key": row.key,
        "portrait": row.portrait,
        "audio": row.audio,
        "text": row.text,
        "voice": row.voice,
        "method": row.method,
        "preset": row.preset,
        "head_motion": row.head_motion,
        "seed": row.options.get("seed"),
        "options": {name: value for name, value in row.options.items() if name != "seed"},
    }
