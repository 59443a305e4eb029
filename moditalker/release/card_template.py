"""Model cards from templates: the prose lies in ``cards/NAME.md``, the figures come from the runs."""

from pathlib import Path
from string import Template

_CARDS = Path(__file__).parent / "cards"


def fill_card(name: str, **figures: str) -> str:
    """A model card as Markdown.

    Args:
        name: of a template in ``moditalker/release/cards``, without its ending.
        figures: what stands for each ``$word`` of the template.
    Raises:
        KeyError: the template has a ``$word`` that was not given.
    """
    return Template((_CARDS / f"{name}.md").read_text(encoding="utf-8")).substitute(figures)
