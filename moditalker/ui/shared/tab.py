"""What a tab of the page is, and a part of one."""

from typing import Protocol


class Tab(Protocol):
    """One tab: `build` adds it to the `gr.Tab` that is open."""

    title: str

    def build(self) -> None: ...


class Panel(Protocol):
    """A part of a tab: `build` adds it to the `gr.Blocks` that is open."""

    def build(self) -> None: ...
