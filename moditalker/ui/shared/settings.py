"""What a visitor may ask for: limits, and how long anything is kept."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Limits of one server.

    Attributes:
        max_audio_seconds: longest recording.
        max_live_seconds: longest turn of a live session.
        max_text: characters of a text to be spoken.
        max_title: characters of what a column is called.
        max_video_seconds: longest video whose head motion is followed, or that is dubbed.
        max_video_side: longest side of a video that is dubbed, pixels.
        max_file_megabytes: largest upload.
        running: requests that are worked on at a time.
        waiting: requests that may wait; the next one is refused.
        delete_after: seconds after which uploads and results are deleted.
        delete_every: seconds between two looks at what is old enough.
        mark: whether the picture says that it is AI-generated.
    """

    max_audio_seconds: float = 60.0
    max_live_seconds: float = 300.0
    max_text: int = 600
    max_title: int = 40
    max_video_seconds: float = 60.0
    max_video_side: int = 1920
    max_file_megabytes: int = 50
    running: int = 1
    waiting: int = 8
    delete_after: int = 3600
    delete_every: int = 600
    mark: bool = True
