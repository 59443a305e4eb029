"""Model cards: templates filled from what the runs logged and the benchmark measured."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moditalker.release.card_template import fill_card
from moditalker.release.compact_card import write_card
from moditalker.release.regression_card import regression_card
from moditalker.release.sync_card import sync_card

ASSETS = Path(__file__).parent.parent / "assets"


def test_the_shipped_card_of_the_preset_is_what_its_template_and_its_measures_say(tmp_path: Path) -> None:
    shutil.copy(ASSETS / "compact" / "training.json", tmp_path)
    for network in ("blendshapes", "arousal"):
        shutil.copytree(ASSETS / "compact" / network, tmp_path / network)
    measures = tmp_path / "benchmark.json"
    shutil.copy(ASSETS / "compact" / "measures.json", measures)
    assert write_card(tmp_path, measures).read_text() == (ASSETS / "compact" / "README.md").read_text()


@pytest.mark.parametrize(("name", "card"), [("sync", sync_card), ("regression", regression_card)])
def test_the_shipped_card_of_a_network_is_what_its_template_and_its_run_say(
    name: str, card: Callable[[dict[str, Any]], str]
) -> None:
    history = json.loads((ASSETS / name / "training.json").read_text())
    assert card(history) == (ASSETS / name / "README.md").read_text()


def test_a_figure_that_a_template_lacks_is_refused() -> None:
    with pytest.raises(KeyError, match="trainings"):
        fill_card("compact", device="cpu", machine="x86_64", torch="2.13.0", measures="")
