"""What a tab of the page is."""

from typing import Protocol


class Tab(Protocol):
    """One tab: `build` adds it to the `gr.Tab` that is open."""

    title: str

    def build(self) -> None: ...
