"""Makes a study out of a recipe: its videos under random names, and `study.toml`, which says what they are."""

import itertools
import json
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import tomlkit

from moditalker.study.definition import Study, read_study
from moditalker.study.makers import FILES, Given, Maker
from moditalker.study.media import write_digits, write_reference, write_spoilt, write_stimulus
from moditalker.study.parts import PAIRED, Check, Item, Method, SoundCheck, Stimulus, Training
from moditalker.study.recipe import Recipe, RecipeItem
from moditalker.study.serving import file_sha256
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress
from moditalker.video.read import probe_video

DIGITS = 3
_LEDGER = "build.json"


def build_study(recipe: Recipe, folder: Path, maker: Maker, tell: Progress, progress: Progress) -> Study:
    """Make what is missing, and write ``study.toml``.

    A video that an earlier, broken build made from the same things is kept: ``build.json`` says which. That file names
    methods and is served to nobody.

    Args:
        recipe: what is wanted.
        folder: of the study, made when missing.
        maker: of the videos that are not ready.
        tell: told of each step, a video for example, before it begins: what it is, how many are done, how many there
            are.
        progress: told how far the video is that is being made.

    Raises:
        InputError: something cannot be made; what was made stays.
    """
    target = folder / "study.toml"
    if target.exists():
        raise InputError(f"{target} is there already, and answers may depend on it: name a new folder.")
    jobs = list(itertools.product(recipe.build.items, recipe.methods))
    steps = len(jobs) + 2
    tell("see whether the methods can run", 0, steps)
    for method in recipe.methods:
        wanted = [_given(item) for item in recipe.build.items if method.id not in item.videos]
        if method.source != FILES and wanted:
            maker.check(method, wanted)
    (folder / "stimuli").mkdir(parents=True, exist_ok=True)
    ledger = _Ledger(folder / _LEDGER)
    stimuli = []
    for number, (item, method) in enumerate(jobs):
        tell(f"{item.id} by {method.id}", number + 1, steps)
        stimuli.append(_stimulus(recipe, item, method, folder, partial(maker.make, progress=progress), ledger))
    tell("attention checks, practice, pictures and sound check", steps - 1, steps)
    spoilt, checks, training = _spoil(recipe, stimuli, folder, ledger)
    items = [_item(item, folder, ledger) for item in recipe.build.items]
    sound = _sound_check(folder, ledger) if recipe.build.sound_check else None
    _write(recipe, target, items, [*stimuli, *spoilt], checks, training, sound)
    return read_study(target)


def _given(item: RecipeItem) -> Given:
    """What an item that is not ready gives a method; that it is whole, the recipe has checked."""
    assert item.audio is not None
    return Given(item.id, item.portrait, item.video, item.audio, item.seed)


class _Ledger:
    """Which file was made from what, written after each one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else {}

    def __call__(self, made_from: list[Any], suffix: str, make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """What was made from these things (``id``, ``file``, ``sha256`` and what ``make`` told), now or before."""
        key = json.dumps(made_from, sort_keys=True)
        folder = self._path.parent
        known = self._made.get(key)
        if known is not None and (folder / known["file"]).is_file():
            return known
        name = secrets.token_hex(8)
        file = f"stimuli/{name}{suffix}"
        told = make(folder / file)
        self._made[key] = {"id": name, "file": file, "sha256": file_sha256(folder / file), **told}
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(self._made, indent=1))
        part.replace(self._path)
        return self._made[key]


def _stimulus(
    recipe: Recipe, item: RecipeItem, method: Method, folder: Path, make_video: Callable[..., str], ledger: _Ledger
) -> Stimulus:
    ready = item.videos.get(method.id)
    if ready is not None:
        made_from = ["file", method.id, item.id, file_sha256(ready), recipe.build.encode]

        def make(target: Path) -> dict[str, Any]:
            write_stimulus(ready, target, recipe.build.encode)
            return _facts(target) | {"revision": f"file {file_sha256(ready)[:16]}"}
    else:
        given = _given(item)
        sources = [file_sha256(path) for path in (given.portrait, given.video, given.audio) if path is not None]
        made_from = [
            "made", method.id, method.source, method.options, item.id, item.seed, *sources, recipe.build.encode
        ]  # fmt: skip

        def make(target: Path) -> dict[str, Any]:
            with tempfile.TemporaryDirectory() as scratch:
                video = Path(scratch) / "video.mp4"
                revision = make_video(method, given, video)
                write_stimulus(video, target, recipe.build.encode)
            return _facts(target) | {"revision": revision}

    made = ledger(made_from, ".mp4", make)
    return Stimulus(item=item.id, method=method.id, seed=item.seed, **made)


def _facts(video: Path) -> dict[str, Any]:
    facts = probe_video(video)
    return {"seconds": facts.duration, "width": facts.size[0], "height": facts.size[1]}


def _spoil(
    recipe: Recipe, stimuli: list[Stimulus], folder: Path, ledger: _Ledger
) -> tuple[list[Stimulus], list[Check], Training | None]:
    """Spoilt copies for the checks and the training, of another item each as long as there are any."""
    spoilt: list[Stimulus] = []

    def spoil(number: int) -> tuple[Stimulus, Stimulus]:
        good = stimuli[(number * len(recipe.methods) + number % len(recipe.methods)) % len(stimuli)]

        def make(target: Path) -> dict[str, Any]:
            write_spoilt(folder / good.file, target)
            return _facts(target) | {"revision": ""}

        made = ledger(["spoilt", number, good.sha256], ".mp4", make)
        bad = Stimulus(item=good.item, method="", seed=good.seed, **made)
        spoilt.append(bad)
        return good, bad

    checks = []
    for number in range(recipe.build.checks):
        good, bad = spoil(number)
        # The last question of a kind, usually the overall one, and the kinds in turn.
        kinds = list(dict.fromkeys(question.kind for question in recipe.questions))
        kind = kinds[number % len(kinds)]
        question = [question for question in recipe.questions if question.kind == kind][-1]
        checks.append(Check(question.id, bad.id, good.id if kind == PAIRED else ""))
    training = None
    if recipe.build.training:
        good, bad = spoil(recipe.build.checks)
        training = Training(good.id, bad.id)
    return spoilt, checks, training


def _item(item: RecipeItem, folder: Path, ledger: _Ledger) -> Item:
    audio, video = (file_sha256(path) if path is not None else "" for path in (item.audio, item.video))
    if item.portrait is None:
        return Item(item.id, "", audio, video_sha256=video)
    portrait = item.portrait

    def make(target: Path) -> dict[str, Any]:
        write_reference(portrait, target)
        return {}

    made = ledger(["reference", item.id, file_sha256(portrait)], ".jpg", make)
    return Item(item.id, file_sha256(portrait), audio, made["file"], made["sha256"], video)


def _sound_check(folder: Path, ledger: _Ledger) -> SoundCheck:
    def make(target: Path) -> dict[str, Any]:
        digits = "".join(str(secrets.randbelow(10)) for _ in range(DIGITS))
        write_digits(digits, target)
        return {"digits": digits}

    made = ledger(["digits"], ".m4a", make)
    return SoundCheck(made["file"], made["sha256"], made["digits"])


def _write(
    recipe: Recipe,
    target: Path,
    items: list[Item],
    stimuli: list[Stimulus],
    checks: list[Check],
    training: Training | None,
    sound: SoundCheck | None,
) -> None:
    """The recipe, its comments included, with what was made in the place of how to make it."""
    document = tomlkit.parse(recipe.file.read_text(encoding="utf-8"))
    document.pop("build", None)
    if training is not None:
        document["training"] = asdict(training)
    if sound is not None:
        document["sound_check"] = asdict(sound)
    for key, entries in (("items", items), ("checks", checks), ("stimuli", stimuli)):
        if entries:
            tables = tomlkit.aot()
            for entry in entries:
                tables.append(tomlkit.item(asdict(entry)))
            document[key] = tables
    part = target.with_suffix(".part")
    part.write_text(tomlkit.dumps(document), encoding="utf-8")
    part.replace(target)
