"""Errors as a visitor may see them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from moditalker.ui.shared.work import MachineError
from moditalker.utils.errors import InputError

FAILED = "Something failed on this server. Try again; if it fails twice, try another picture or recording."


@contextmanager
def refusals(*paths: str | None) -> Iterator[None]:
    """Turn what the package raises into what Gradio shows: the sentence, without the server's folders.

    Args:
        paths: files of the request that a message may name; only their names are shown.
    """
    try:
        yield
    except InputError as error:
        sentence = str(error)
        for path in filter(None, paths):
            sentence = sentence.replace(path, Path(path).name)
        raise gr.Error(sentence, title="Please check", print_exception=False) from error
    except MachineError as error:
        raise gr.Error(FAILED, title="Sorry", print_exception=False) from error
