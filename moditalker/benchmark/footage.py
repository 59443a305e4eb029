"""The real clips that a benchmark is run on."""

import json
from dataclasses import dataclass
from pathlib import Path

from moditalker.constants import SAMPLES_A_FRAME
from moditalker.face.tracker import FaceTracker
from moditalker.metrics.talking_video import TalkingVideo, read_talking_video
from moditalker.training.data.prepare import Clip, read_clip_list
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video

SHORT_SECONDS = 2.0
MIN_FRAMES = 16


@dataclass(frozen=True)
class Footage:
    """One clip.

    Attributes:
        name: unique.
        path: of the video.
        speaker: who is seen.
        seconds: how long it is.
        offset: frames by which its sound must be moved later to fit its picture; None when that is not known.
    """

    name: str
    path: Path
    speaker: str
    seconds: float
    offset: int | None

    @property
    def short(self) -> bool:
        """Too short for lags and the like."""
        return self.seconds < SHORT_SECONDS

    def read(self, tracker: FaceTracker) -> TalkingVideo:
        """Decode and track it, sound and picture brought together and what has no partner cut off.

        Raises:
            InputError: it cannot be used.
        """
        video = read_talking_video(self.path, tracker)
        whole = min(len(video), len(video.audio) // SAMPLES_A_FRAME)
        offset = self.offset or 0
        video = video.part(max(0, offset), whole + min(0, offset), late=offset)
        if len(video) < MIN_FRAMES:
            raise InputError(f"{self.path.name} has {len(video)} frames with sound and {MIN_FRAMES} are needed.")
        return video


def find_footage(data: Path, split: str, every: int = 1) -> list[Footage]:
    """The clips of a split.

    Args:
        data: folder that ``prepare`` wrote, or one that holds a list ``clips.csv`` (path, split, speaker). Where it
            holds ``offsets.json`` as well (``train offsets`` writes it), each clip's own offset is taken from there.
        split: which of the list's splits; several with commas between them.
        every: take every n-th of the clips under two seconds, and all longer ones.
    Raises:
        InputError: there are none, or the folder does not say where they are.
    """
    if every < 1:
        raise InputError(f"Every n-th clip can be taken for n from 1 on, not for {every}.")
    clips, root = _listed(data)
    known = data / "offsets.json"
    offsets = json.loads(known.read_text())["clips"] if known.is_file() else {}
    chosen = [
        Footage(
            clip.name,
            root / clip.path,
            clip.speaker,
            probe_video(root / clip.path).duration,
            offsets.get(clip.name, {}).get("offset"),
        )
        for clip in clips
        if clip.split in split.split(",")
    ]
    if not chosen:
        splits = ", ".join(sorted({clip.split for clip in clips}))
        raise InputError(f"{data} lists no clip of the split {split!r}; choose one of {splits}.")
    short = [clip for clip in chosen if clip.short]
    kept = {clip.name for clip in short[::every]}
    return [clip for clip in chosen if not clip.short or clip.name in kept]


def donor_of(clips: list[Footage], index: int) -> Footage:
    """Whose landmarks and speech drive a clip's portrait in the rows that need another person's; always the same one.

    It is a clip of another speaker, and where there is one a short clip for a short one and a long one for a long one.

    Raises:
        InputError: all clips are of one speaker.
    """
    own = clips[index]
    others = [clip for clip in clips if clip.speaker != own.speaker]
    if not others:
        raise InputError("All clips are of one speaker; list at least two, for the rows that need another person.")
    alike = [clip for clip in others if clip.short == own.short] or others
    return alike[index % len(alike)]


def _listed(data: Path) -> tuple[list[Clip], Path]:
    """All clips, and the folder that their paths are relative to."""
    if (data / "clips.csv").is_file():
        return read_clip_list(data / "clips.csv"), data
    index = data / "index.json"
    if not index.is_file():
        raise InputError(f"{data} holds neither clips.csv nor index.json; name a folder of clips with their list.")
    content = json.loads(index.read_text())
    if "source" not in content:
        raise InputError(
            f"{index} does not say where the footage lies; run 'prepare' again into the same folder, "
            "or name the folder that holds clips.csv."
        )
    rows = content["clips"]
    return [Clip(row["path"], row["split"], row["speaker"]) for row in rows], Path(content["source"])
