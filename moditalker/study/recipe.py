"""What `study build` reads: a study's file whose stimuli are still to be made."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass

from moditalker.study.definition import Frame, unique
from moditalker.study.makers import FILES
from moditalker.study.parts import WHOLE
from moditalker.utils.errors import InputError
from moditalker.utils.validation import Flag, Text, Whole, read_toml, validated


def _existing(name: Path, info: ValidationInfo) -> Path:
    """Relative to the recipe's folder."""
    path = info.context / name if info.context is not None else name
    if not path.is_file():
        raise InputError(f"it names the file {path}, which is not there; correct the name.")
    return path


ExistingFile = Annotated[Path, AfterValidator(_existing)]


@dataclass(frozen=True, config=WHOLE)
class RecipeItem:
    """A portrait or a video to dub, and a recording; or videos that are ready.

    Attributes:
        id: in the study.
        portrait, video, audio: None where all videos are ready; ``video`` is for methods that dub.
        seed: for whatever makes the others.
        videos: ready ones, by the method's id.
    """

    id: Text
    portrait: ExistingFile | None = None
    video: ExistingFile | None = None
    audio: ExistingFile | None = None
    seed: Whole = 0
    videos: dict[str, ExistingFile] = Field(default_factory=dict)


@dataclass(frozen=True, config=WHOLE)
class Build:
    """What is to be made.

    Attributes:
        items: to be made.
        encode: whether all pictures are encoded anew.
        checks: how many attention checks are made.
        training: whether a trial for practice is made.
        sound_check: whether spoken digits are made.
    """

    items: Annotated[tuple[RecipeItem, ...], Field(min_length=1)]
    encode: Flag = False
    checks: Annotated[Whole, Field(le=20)] = 2
    training: Flag = True
    sound_check: Flag = True


@dataclass(frozen=True, kw_only=True, config=WHOLE)
class Recipe(Frame):
    """A study to be built.

    Attributes:
        build: what is to be made.
        file: the recipe's.
    """

    build: Build
    file: Path

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Every video is there or can be made."""
        unique("build.items", (item.id for item in self.build.items))
        known = {method.id for method in self.methods}
        for item in self.build.items:
            for name in item.videos.keys() - known:
                raise InputError(f"the item {item.id!r} has a video of {name!r}; name one of [[methods]].")
            for method in self.methods:
                if method.id in item.videos:
                    continue
                if method.source == FILES:
                    raise InputError(
                        f"the item {item.id!r} lacks the video of {method.id!r} under 'videos'; add it, or give the "
                        "method a 'source' that can make it."
                    )
                if (item.portrait is None and item.video is None) or item.audio is None:
                    raise InputError(
                        f"the item {item.id!r} needs a portrait and an audio for {method.id!r} to work with; a method "
                        "that dubs needs a video in place of the portrait."
                    )
        return self


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe; files are relative to its folder.

    Raises:
        InputError: something is missing or does not fit together; the sentence names the entry.
    """
    values = read_toml(path)
    if "stimuli" in values:
        raise InputError(f"{path} is built already: give the recipe, or serve this one.")
    return validated(Recipe, values, path, file=path)
