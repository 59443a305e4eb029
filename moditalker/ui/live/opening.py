"""What a client of `/live` says first: the options of all that follows."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moditalker.emotions import NEUTRAL
from moditalker.options import DEFAULTS, MAX_SEED
from moditalker.utils.errors import InputError

SKIPPED = "skipped"


class Opening(BaseModel):
    """The first message, JSON.

    Attributes:
        consent: that the face and the voice may be used.
        rate: of the PCM that follows, samples a second.
        pauses: ``drawn`` makes one video of all sound; ``skipped`` makes one of each utterance and none of silence.
        style: a video follows the portrait, of somebody whose manner is taken on.
        head_motion, crop, mtov_steps, motion_steps, guidance, lip_scale, head_scale, blink_scale, emotion,
            emotion_scale, gaze_scale, seed, face: see ``MoDiTalkerPipeline.stream``.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    consent: bool = False
    rate: int = Field(16_000, ge=8000, le=192_000)
    pauses: Literal["drawn", "skipped"] = "drawn"
    head_motion: Literal["natural", "still"] = "natural"
    crop: Literal["full", "face"] = "full"
    mtov_steps: int = Field(DEFAULTS.mtov_steps, ge=0, le=25)
    motion_steps: int = Field(6, ge=1, le=25)
    guidance: float = Field(DEFAULTS.guidance, ge=1, le=4)
    lip_scale: float = Field(1.0, ge=0, le=2)
    head_scale: float = Field(1.0, ge=0, le=2)
    blink_scale: float = Field(1.0, ge=0, le=2)
    emotion: str = NEUTRAL
    emotion_scale: float = Field(1.0, ge=0, le=1.5)
    gaze_scale: float = Field(0.0, ge=0, le=2)
    style: bool = False
    seed: int | None = Field(None, ge=0, le=MAX_SEED)
    face: int | None = Field(None, ge=1)

    def stream_options(self) -> dict[str, Any]:
        """Keyword arguments of ``MoDiTalkerPipeline.stream`` for a portrait that is encoded."""
        return self.model_dump(exclude={"consent", "rate", "pauses", "crop", "face", "style"})


def read_opening(message: str) -> Opening:
    """Read the first message.

    Raises:
        InputError: it is no such message, or has no consent.
    """
    try:
        opening = Opening.model_validate_json(message)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "The first message"
        raise InputError(f"{where} cannot be used: {first['msg']}; correct it.") from error
    # Whether it is written as emotions are.
    DEFAULTS.but(emotion=opening.emotion)
    if not opening.consent:
        raise InputError("Say that you may use this face and this voice (consent: true); nothing is made without it.")
    return opening
