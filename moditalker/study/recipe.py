"""What `study build` reads: a study's file whose stimuli are still to be made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moditalker.study.definition import Method, Question, read_frame
from moditalker.study.makers import FILES
from moditalker.study.toml_table import Table, read_table
from moditalker.utils.errors import InputError


@dataclass(frozen=True)
class RecipeItem:
    """A portrait and a recording, or videos that are ready.

    Attributes:
        id: in the study.
        portrait, audio: None where all videos are ready.
        seed: for whatever makes the others.
        videos: ready ones, by the method's id.
    """

    id: str
    portrait: Path | None
    audio: Path | None
    seed: int
    videos: dict[str, Path]


@dataclass(frozen=True)
class Recipe:
    """A study to be built.

    Attributes:
        file: it stands in.
        frame: what the study has too; see `definition.read_frame`.
        items: to be made.
        encode: whether all pictures are encoded anew.
        checks: how many attention checks are made.
        training: whether a trial for practice is made.
        sound_check: whether spoken digits are made.
    """

    file: Path
    frame: dict[str, Any]
    items: tuple[RecipeItem, ...]
    encode: bool
    checks: int
    training: bool
    sound_check: bool

    @property
    def methods(self) -> tuple[Method, ...]:
        """In the file's order."""
        return self.frame["methods"]

    @property
    def questions(self) -> tuple[Question, ...]:
        """In the file's order."""
        return self.frame["questions"]


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe; files are relative to its folder.

    Raises:
        InputError: something is missing or does not fit together; the sentence names the entry.
    """
    table = read_table(path)
    if table.has("stimuli"):
        raise InputError(f"{path} is built already: give the recipe, or serve this one.")
    frame = read_frame(table)
    build = table.table("build")
    encode, checks = build.flag("encode", False), build.whole("checks", 2, high=20)
    training, sound_check = build.flag("training", True), build.flag("sound_check", True)
    items = []
    for part in build.tables("items"):
        items.append(_item(part, path.parent))
        part.done()
    build.done()
    table.done()
    recipe = Recipe(path, frame, tuple(items), encode, checks, training, sound_check)
    _check_whole(recipe)
    return recipe


def _item(table: Table, folder: Path) -> RecipeItem:
    def file(key: str) -> Path | None:
        name = table.text(key, "")
        return _existing(folder / name, table.file) if name else None

    videos = {name: _existing(folder / str(path), table.file) for name, path in table.mapping("videos").items()}
    return RecipeItem(table.text("id"), file("portrait"), file("audio"), table.whole("seed", 0), videos)


def _existing(path: Path, recipe: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{recipe} names the file {path}, which is not there: correct the name.")
    return path


def _check_whole(recipe: Recipe) -> None:
    if not recipe.items:
        raise InputError(f"{recipe.file} has no [[build.items]]: give each portrait and recording one.")
    ids = [item.id for item in recipe.items]
    if len(set(ids)) < len(ids):
        raise InputError(f"{recipe.file}: two items have the same id; give one another.")
    known = {method.id for method in recipe.methods}
    for item in recipe.items:
        unknown = set(item.videos) - known
        if unknown:
            raise InputError(
                f"{recipe.file}: the item {item.id!r} has a video of {unknown.pop()!r}; name one of [[methods]]."
            )
        for method in recipe.methods:
            if method.id in item.videos:
                continue
            if method.source == FILES:
                raise InputError(
                    f"{recipe.file}: the item {item.id!r} lacks the video of {method.id!r} under 'videos'; add it, or "
                    "give the method a 'source' that can make it."
                )
            if item.portrait is None or item.audio is None:
                raise InputError(
                    f"{recipe.file}: the item {item.id!r} needs a portrait and an audio for {method.id!r} to work with."
                )
