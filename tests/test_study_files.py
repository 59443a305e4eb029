"""From a recipe to files that tell raters nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from study_example import METHODS, NoMaker, make_study, silent, write_recipe, write_video

from moditalker.cli.main import main
from moditalker.study.build import build_study
from moditalker.study.check import PLACEHOLDER, check_study
from moditalker.study.definition import Study, read_study
from moditalker.study.makers import Given
from moditalker.study.media import traces
from moditalker.study.parts import Method
from moditalker.study.recipe import read_recipe
from moditalker.study.serving import ServedFiles
from moditalker.ui.study.study_tab import about_study
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress
from moditalker.video.read import probe_video


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"), sound_check=True, rating=2)


@pytest.mark.slow
def test_no_file_says_who_made_it_and_every_one_is_the_same_video_still(study: Study) -> None:
    source = study.folder.parent / f"{METHODS[0]}-0.mp4"
    assert traces(source, (METHODS[0],))
    names = (*METHODS, "red", "comment")
    for stimulus in study.stimuli:
        path = study.folder / stimulus.file
        assert traces(path, names) == []
        assert not any(name in stimulus.file for name in (*METHODS, "item"))
        facts = probe_video(path)
        assert (facts.codec, facts.sound, facts.size) == ("h264", True, (64, 64))
        assert facts.duration == pytest.approx(0.2, abs=0.05)


def test_what_the_server_hands_out_has_other_names_still(study: Study, tmp_path: Path) -> None:
    served = ServedFiles(study, tmp_path)
    files = {path.name for path in served.folder.iterdir()}
    assert len(files) == len(study.stimuli) + 1
    assert not any(stimulus.id in name for stimulus in study.stimuli for name in files)
    assert served.path(study.stimuli[0].file).read_bytes() == (study.folder / study.stimuli[0].file).read_bytes()
    told = str(about_study(study))
    assert not any(name in told for name in METHODS)
    assert study.hash not in told


def test_a_file_that_was_changed_is_not_served(study: Study, tmp_path: Path) -> None:
    changed = make_study(tmp_path, items=1, methods=2, paired=1, checks=0)
    file = changed.folder / changed.stimuli[0].file
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(InputError, match="is not the file that the study was built with"):
        ServedFiles(changed, tmp_path)
    with pytest.raises(InputError, match="is not the file that the study was built with"):
        check_study(changed)


def test_check_says_what_is_there_and_what_is_not(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "check", str(study.folder / "study.toml")]) == 0
    told = capsys.readouterr().out
    assert "3 methods, 2 items, 8 videos" in told
    assert "each pair of methods is seen 80 times, each pair of videos 40 times" in told
    assert "at the left in 50.0% to 50.0%" in told
    assert "Note" not in told


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("The study team, room 12", "you@your-institution.example", "The contact still says 'you@your-institution"),
        ("The study team, room 12", "study@example.org", "The contact still says 'study@example.org'"),
        ("We ask which", "(Say here who you are) We ask which", "The consent still says '(Say here who you are'"),
        ("We ask which", "TODO: we ask which", "The consent still says 'TODO'"),
    ],
)
def test_check_refuses_what_nobody_has_written_yet(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    path = tmp_path / "study.toml"
    path.write_text((study.folder / "study.toml").read_text().replace(old, new))
    assert main(["study", "check", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_the_shipped_recipe_has_to_be_filled_in() -> None:
    recipe = read_recipe(Path(__file__).parents[1] / "assets" / "study" / "recipe.toml")
    assert PLACEHOLDER.search(recipe.consent)
    assert PLACEHOLDER.search(recipe.contact)


def test_the_time_that_raters_are_told_is_that_of_the_videos(study: Study) -> None:
    def minutes(seconds: float) -> int:
        lasting = tuple(replace(stimulus, seconds=seconds) for stimulus in study.stimuli)
        return about_study(replace(study, stimuli=lasting))["minutes"]

    # Of two videos each: practice, four trials, and the check, which has one question and not two. Of one video each:
    # practice and two trials. So 15 videos and 14 answers of 5 seconds.
    assert [minutes(seconds) for seconds in (0.01, 4.0, 60.0)] == [1, 2, 16]


def test_build_says_what_it_makes_and_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write_recipe(tmp_path, methods=2, items=1, paired=1, checks=0)
    assert main(["study", "build", str(recipe), "-o", str(tmp_path / "study")]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "step 1 of 4: see whether the methods can run",
        f"step 2 of 4: item-0 by {METHODS[0]}",
        f"step 3 of 4: item-0 by {METHODS[1]}",
        "step 4 of 4: attention checks, practice, pictures and sound check",
    ]


def test_the_hash_changes_with_every_word_and_not_with_the_folder(study: Study, tmp_path: Path) -> None:
    text = (study.folder / "study.toml").read_text()
    assert "# a comment that stays" in text
    for number, (old, new) in enumerate([("", ""), ("better?", "best?"), ("seed = 3", "seed = 4")]):
        copy = tmp_path / str(number) / "study.toml"
        copy.parent.mkdir()
        copy.write_text(text.replace(old, new, 1))
        assert (read_study(copy).hash == study.hash) == (number == 0)


@pytest.mark.slow
def test_a_broken_build_goes_on_where_it_was(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, methods=2, items=2, paired=1, checks=0)
    text = recipe.read_text()
    recipe.write_text(text.replace(f', {METHODS[1]} = "{METHODS[1]}-1.mp4"', ""))
    recipe.write_text(recipe.read_text().replace('label = "Method warp-alone"', 'source = "breaks"'))

    class Breaks(NoMaker):
        def check(self, method: Method, given: Sequence[Given]) -> None:
            assert (method.id, [one.item for one in given]) == (METHODS[1], ["item-1"])

        def make(self, method: Method, given: Given, output: Path, progress: Progress) -> str:
            raise InputError("No face was found.")

    with pytest.raises(InputError, match="needs a portrait and an audio"):
        read_recipe(recipe)
    Image.new("RGB", (128, 128), "grey").save(tmp_path / "portrait", "PNG")
    (tmp_path / "audio").write_bytes(b"x")
    recipe.write_text(
        recipe.read_text().replace('id = "item-1"', 'id = "item-1"\nportrait = "portrait"\naudio = "audio"')
    )
    with pytest.raises(InputError, match="No face"):
        build_study(read_recipe(recipe), tmp_path / "study", Breaks(), silent, silent)
    made = set((tmp_path / "study" / "stimuli").glob("*.mp4"))
    assert len(made) == 3
    assert not (tmp_path / "study" / "study.toml").exists()

    told: list[str] = []

    class Makes(Breaks):
        def make(self, method: Method, given: Given, output: Path, progress: Progress) -> str:
            progress("drawing", 1, 2)
            write_video(output, "blue", 0.2)
            return "weights 1234"

    study = build_study(
        read_recipe(recipe), tmp_path / "study", Makes(), silent, lambda stage, done, of: told.append(stage)
    )
    assert told == ["drawing"]
    assert {path.name for path in made} < {Path(stimulus.file).name for stimulus in study.stimuli}
    assert study.video_of("item-1", METHODS[1]).revision == "weights 1234"
    assert study.items[1].reference.endswith(".jpg")
    with pytest.raises(InputError, match="is there already"):
        build_study(read_recipe(recipe), tmp_path / "study", Makes(), silent, silent)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda text: text.replace("raters = 60", "raters = 0"),
            "'raters' in [design] must be greater than or equal to 1, and is 0; correct it",
        ),
        (lambda text: text.replace("raters = 60", "rater = 60"), "[design] lacks 'raters'"),
        (lambda text: text.replace("seed = 3", "sead = 3"), "has no entry 'sead'; did you mean 'seed'?"),
        (lambda text: text.replace('kind = "paired"', 'kind = "pair"', 1), "must be 'paired' or 'rating'"),
        (lambda text: text.replace("paired_trials = 4", "paired_trials = 0"), "says 0 for paired_trials"),
        (lambda text: text.replace('id = "overall"', 'id = "sync"'), "two of [[questions]] are called 'sync'"),
        (lambda text: text.replace("schema = 1", "schema = 9"), "'schema' must be 1, and is 9"),
        (lambda text: text + "\n[", "cannot be read as TOML"),
        (lambda text: text.replace("raters = 60", 'raters = "60"'), "'raters' in [design] must be a whole number"),
        (lambda text: text.replace("ours-0.mp4", "gone.mp4"), "gone.mp4, which is not there"),
        (lambda text: text.replace("[build]", 'file = "x"\n[build]'), "number 2 has no entry 'file'; remove it"),
        (lambda text: 'file = "x"\n' + text, "the file has no entry 'file'; remove it"),
        (lambda text: text.replace("example", "exam\0ple", 1), "cannot be read as TOML"),
        (lambda text: text.replace("ours-0.mp4", "ours-0\\u0000.mp4"), "has a NUL byte in 'ours-0\\x00.mp4': remove"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_in_a_sentence(
    change: Callable[[str], str], sentence: str, recipe_text: str, recipe_folder: Path
) -> None:
    path = recipe_folder / "changed.toml"
    path.write_text(change(recipe_text))
    with pytest.raises(InputError) as refused:
        read_recipe(path)
    assert sentence in str(refused.value)


@pytest.fixture(scope="module")
def recipe_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    write_recipe(folder, methods=2, items=1)
    return folder


@pytest.fixture(scope="module")
def recipe_text(recipe_folder: Path) -> str:
    return (recipe_folder / "recipe.toml").read_text()


def test_too_many_trials_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="paired_trials is 9, and there are 1 different ones"):
        make_study(tmp_path, methods=2, items=1, paired=9, checks=0)
