"""People who do not exist: moves, controls, shards and pairs. Only one test draws with the real generator."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import webdataset

from moditalker.cli.main import main
from moditalker.face.layout import mouth_opening
from moditalker.training.people import drawing
from moditalker.training.people.controls import Controls
from moditalker.training.people.drawing import PeopleConfig, draw_people, draw_person
from moditalker.training.people.features import FEATURES
from moditalker.training.people.fitting import fit_controls
from moditalker.training.people.moves import MOUTHS, PICTURES, TURN, choose_moves
from moditalker.training.people.pairs import PeoplePairs
from moditalker.training.people.photographs import Photograph
from moditalker.training.people.shards import PEOPLE_PER_SHARD, DrawnPerson, read_people, split_of, write_shard
from moditalker.utils.errors import InputError

OPENING, YAW = FEATURES.index("opening"), FEATURES.index("yaw")
CHANNELS, PER_LAYER = 60, 4
OPENER, GLASSES, TURNER = 20, 21, 2
"""In the small world: a channel that opens mouths, one that also changes the picture, and one that turns heads."""


class SmallWorld:
    """Stands for the generator and the photographer: a face's features follow from three channels."""

    channels = CHANNELS
    size = 32

    def __init__(self, *_: object) -> None:
        self.generator = self
        self.taken = 0

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal(CHANNELS).astype(np.float32)

    def styles(self, w: np.ndarray) -> np.ndarray:
        return w

    def end(self, layers: int) -> int:
        return PER_LAYER * layers

    def take(self, styles: np.ndarray) -> Photograph | None:
        self.taken += 1
        features = np.zeros(len(FEATURES))
        features[OPENING] = 0.1 + 0.02 * (styles[OPENER] + styles[GLASSES])
        features[YAW] = 8 * styles[TURNER]
        picture = np.full((self.size, self.size, 3), 120, np.uint8)
        picture[: self.size // 2] = np.uint8(np.clip(120 + 20 * styles[GLASSES], 0, 255))
        mesh = np.tile(np.float32([10, 12, 0]), (478, 1)) + np.float32(styles[:3])
        return Photograph(picture, mesh, features, np.zeros(128, np.float32))


@pytest.fixture(scope="module")
def controls() -> Controls:
    return fit_controls(SmallWorld(), seed=0, people=80, experiments=150)  # type: ignore[arg-type]


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "PeopleGenerator", SmallWorld)
    monkeypatch.setattr(drawing, "Photographer", SmallWorld)


def small(output: Path, **options: object) -> PeopleConfig:
    return PeopleConfig(output=output, people=2 * PEOPLE_PER_SHARD, fitted=(60, 60), **options)  # type: ignore[arg-type]


def test_an_experiment_finds_what_opens_mouths(controls: Controls) -> None:
    effect = controls.gains[:, OPENING] @ controls.basis / np.square(controls.basis).sum(0).clip(1e-9)
    assert set(np.argsort(-np.abs(effect))[:2].tolist()) == {OPENER, GLASSES}
    assert effect[OPENER] == pytest.approx(0.02, rel=0.3)


def test_mouths_open_as_far_as_asked_without_another_picture_or_turn(controls: Controls) -> None:
    world = SmallWorld()
    own = np.zeros(CHANNELS, np.float32)
    before, after = world.take(own), world.take(own + controls.shift({"opening": 0.08}))
    assert before is not None
    assert after is not None
    assert after.features[OPENING] - before.features[OPENING] == pytest.approx(0.08, abs=0.03)
    assert abs(after.features[YAW]) < 2
    assert np.abs(after.picture.astype(int) - before.picture).max() < 20


def test_heads_turn_as_far_as_asked(controls: Controls) -> None:
    turned = SmallWorld().take(controls.shift({"yaw": 15.0}))
    assert turned is not None
    assert turned.features[YAW] == pytest.approx(15, abs=5)
    assert turned.features[OPENING] == pytest.approx(0.1, abs=0.03)


def test_controls_are_read_as_they_were_written(controls: Controls, tmp_path: Path) -> None:
    controls.save(tmp_path / "controls.npz")
    again = Controls.load(tmp_path / "controls.npz")
    np.testing.assert_array_equal(
        again.shift({"yaw": 9.0, "opening": 0.1}), controls.shift({"yaw": 9.0, "opening": 0.1})
    )


def test_everybody_shuts_and_opens_the_mouth_closes_the_eyes_and_turns() -> None:
    own = np.zeros(len(FEATURES))
    own[OPENING], own[YAW] = 0.1, 5.0
    for seed in range(20):
        moves = choose_moves(own, np.random.default_rng(seed))
        assert len(moves) == PICTURES
        assert moves[0].name == "own"
        assert not moves[0].change
        names = [move.name for move in moves]
        assert {"shut", "wide open"} <= set(names)
        assert any("lids closed" in name for name in names)
        by_name = {move.name: move.change for move in moves}
        assert by_name["shut"]["opening"] == pytest.approx(-0.12)
        assert by_name["wide open"]["opening"] > 0.15
        turns = [move.change["yaw"] for move in moves if "turned" in move.name]
        assert len(turns) == 3
        assert min(turns) < 0 < max(turns)
        assert max(map(abs, turns)) <= TURN
        frontal = [move for move in moves if "turned" not in move.name]
        assert not any("yaw" in move.change for move in frontal)


def test_all_mouths_of_the_catalogue_are_drawn_sometimes() -> None:
    own = np.zeros(len(FEATURES))
    drawn = {m.name.split(",")[0] for seed in range(60) for m in choose_moves(own, np.random.default_rng(seed))}
    assert drawn == {"own", *MOUTHS}


def person(number: int, pictures: int = 3) -> DrawnPerson:
    rng = np.random.default_rng(number)
    photographs = []
    for index in range(pictures):
        picture = np.full((64, 64, 3), (40 * (number % 5), 80 * index, 100), np.uint8)
        mesh = (rng.random((478, 3)) * 64).astype(np.float32)
        photographs.append(Photograph(picture, mesh, rng.random(len(FEATURES)), np.full(128, 0.01 * index, np.float32)))
    return DrawnPerson(number, ["own", *(f"move {i}" for i in range(1, pictures))], photographs, 1, 2)


def test_a_pair_is_two_pictures_of_one_person(tmp_path: Path) -> None:
    people = [person(number) for number in (40, 41, 43)]
    write_shard(tmp_path / "train-00002.tar", people)
    drawn = {one.number: one for one in people}
    pairs = PeoplePairs(tmp_path, "train")
    assert len(pairs) == 3
    seen = set()
    for seed in range(30):
        portrait, target = pairs.pair(np.random.default_rng(seed))
        assert portrait.move != target.move
        # The red of a picture names the person, the green the picture.
        number = next(n for n in drawn if abs(40 * (n % 5) - int(portrait.picture[..., 0].mean())) < 8)
        seen.add(number)
        for view in (portrait, target):
            photograph = drawn[number].photographs[drawn[number].moves.index(view.move)]
            np.testing.assert_array_equal(view.landmarks, photograph.landmarks)
            np.testing.assert_array_equal(view.mesh, photograph.mesh)
            assert np.abs(view.picture.astype(int) - photograph.picture).mean() < 2
    assert seen == {40, 41, 43}


def test_what_was_measured_is_kept(tmp_path: Path) -> None:
    one = person(7)
    write_shard(tmp_path / "val-00000.tar", [one])
    (read,) = read_people(tmp_path, "val")
    assert (read.number, read.faceless, read.strangers, list(read.moves)) == (7, 1, 2, one.moves)
    np.testing.assert_allclose(read.features, [photograph.features for photograph in one.photographs], atol=1e-5)
    np.testing.assert_allclose(read.identity, [0, 0.01 * np.sqrt(128), 0.02 * np.sqrt(128)], atol=1e-4)


def test_webdataset_reads_a_person_as_one_sample(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-00002.tar", [person(40), person(41)])
    samples = list(webdataset.WebDataset(str(tmp_path / "train-00002.tar"), shardshuffle=False, empty_check=False))
    assert [sample["__key__"] for sample in samples] == ["000040", "000041"]
    assert {"person.json", "points.npz", "00.jpg", "02.jpg"} <= set(samples[0])


def test_people_are_held_out_by_number() -> None:
    splits = [split_of(shard) for shard in range(150)]
    assert splits.count("val") == splits.count("test") == 8
    assert splits.count("train") == 134
    assert splits[:40] == splits[40:80]


def test_a_split_that_is_not_there_is_said(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-00002.tar", [person(40)])
    with pytest.raises(InputError, match="train people"):
        PeoplePairs(tmp_path, "test")


@pytest.mark.usefixtures("small_world")
def test_a_run_goes_on_and_gives_the_same_people(tmp_path: Path) -> None:
    report = draw_people(small(tmp_path / "a"))
    shards = sorted((tmp_path / "a").glob("*.tar"))
    assert [shard.name for shard in shards] == ["test-00001.tar", "val-00000.tar"]
    assert report["pictures"] == sum(len(one.moves) for one in read_people(tmp_path / "a")) > 100
    kept, lost = shards[0], shards[1]
    before, content = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    assert draw_people(small(tmp_path / "a")) | {"seconds_a_picture": 0} == report | {"seconds_a_picture": 0}
    assert kept.stat().st_mtime_ns == before
    assert lost.read_bytes() == content
    draw_people(small(tmp_path / "b", seed=1))
    assert (tmp_path / "b" / lost.name).read_bytes() != content


@pytest.mark.usefixtures("small_world")
def test_people_of_another_seed_do_not_mix(tmp_path: Path) -> None:
    draw_people(small(tmp_path))
    with pytest.raises(InputError, match="name another folder"):
        draw_people(small(tmp_path, seed=1))


@pytest.mark.usefixtures("small_world")
def test_no_shard_is_begun_after_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(drawing.time, "monotonic", lambda: float(next(clock)))
    draw_people(small(tmp_path, minutes=0.5))
    assert len(list(tmp_path.glob("*.tar"))) == 1


def test_strangers_and_faceless_pictures_are_left_out(controls: Controls, tmp_path: Path) -> None:
    class Failing(SmallWorld):
        def take(self, styles: np.ndarray) -> Photograph | None:
            photograph = super().take(styles)
            assert photograph is not None
            if self.taken == 4:
                return None
            far = 0.06 if self.taken == 6 else 0.05  # times the root of 128: 0.68 and 0.57
            return (
                photograph
                if self.taken == 1
                else Photograph(photograph.picture, photograph.mesh, photograph.features, np.full(128, far, np.float32))
            )

    config = PeopleConfig(output=tmp_path)
    numbers = iter(range(50))
    drawn = next(one for n in numbers if (one := draw_person(Failing(), controls, n, config)))  # type: ignore[arg-type]
    assert (drawn.faceless, drawn.strangers, len(drawn.photographs)) == (1, 1, PICTURES - 2)
    assert len(drawn.moves) == len(drawn.photographs)


def test_whoever_looks_away_is_nobody(controls: Controls, tmp_path: Path) -> None:
    class Away(SmallWorld):
        def take(self, styles: np.ndarray) -> Photograph | None:
            return super().take(styles + 40 * np.eye(CHANNELS)[TURNER])

    assert draw_person(Away(), controls, 0, PeopleConfig(output=tmp_path)) is None  # type: ignore[arg-type]


def test_a_size_that_cannot_be_drawn_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "people", "--size", "1024", "--output", str(tmp_path)]) == 2
    assert "choose 128 to 512" in capsys.readouterr().err


def test_a_training_without_clips_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "mtov"]) == 2
    assert "--data" in capsys.readouterr().err


MISSING = [name for name in ("openvino", "random_face") if importlib.util.find_spec(name) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (requirements-train, -weights)")
def test_one_channel_opens_the_mouth_of_a_drawn_person() -> None:
    from moditalker.training.people.generator import LAYERS, PeopleGenerator
    from moditalker.training.people.photographs import Photographer

    photographer = Photographer(PeopleGenerator(), 256)
    generator = photographer.generator
    rng = np.random.default_rng(0)
    place = generator.styles(np.mean([generator.sample(rng) for _ in range(500)], 0))
    opened = place.copy()
    opener = generator.end(LAYERS.index(310)) + 284
    opened[opener] -= 4 * np.std([generator.styles(generator.sample(rng))[opener] for _ in range(50)])
    first, second = photographer.take(place), photographer.take(opened)
    assert first is not None
    assert second is not None
    assert first.picture.shape == (256, 256, 3)
    assert mouth_opening(second.landmarks) > mouth_opening(first.landmarks) + 0.03
    assert np.linalg.norm(first.embedding - second.embedding) < drawing.STRANGER
    upper = slice(0, 100)
    assert np.abs(first.picture[upper].astype(int) - second.picture[upper]).mean() < 2
