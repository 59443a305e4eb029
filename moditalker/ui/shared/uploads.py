"""Which files a request may name: those that were uploaded here, and the examples."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder

from moditalker.media.source import existing_file
from moditalker.ui.animate.examples import FOLDER as EXAMPLES
from moditalker.utils.errors import InputError

# Whatever server it names: what comes after it is looked for here.
_ADDRESS = re.compile(r"https?://[^/]*/gradio_api/file=")


def uploaded_file(path: str) -> Path:
    """The file that a request means by a path, links followed.

    Every path of every request is asked about here, whatever endpoint it is for (see `shared.doors`).

    Raises:
        InputError: it lies neither in Gradio's upload folder nor among the examples, or is no regular file there. The
            sentence is the same either way, so that nobody learns what else is on this machine.
    """
    try:
        real = Path(path).resolve()
        if any(real.is_relative_to(folder.resolve()) for folder in (Path(get_upload_folder()), EXAMPLES)):
            return existing_file(real, "file")
    # A name that is too long, a NUL character, links in a circle; InputError is a ValueError.
    except (OSError, ValueError, RuntimeError):
        pass
    name = ascii(Path(path).name)[1:-1]
    shown = name if len(name) <= 60 else f"{name[:60]}..."
    raise InputError(f"The file {shown!r} is not among the uploads of this server: upload it and name what comes back.")


def check_files(message: dict[str, Any]) -> None:
    """Ask `uploaded_file` about every file that is named anywhere in a request.

    Gradio takes an object with ``path`` for a file's, and looks where that lies only if ``meta`` says so too; so that
    is written into it here. An upload's address, as assistants give it, becomes its path; no address is fetched.

    Raises:
        InputError: see `uploaded_file`.
    """
    rest: list[Any] = [message]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            path = part.get("path")
            if isinstance(path, str):
                address = _ADDRESS.match(path)
                part["path"] = unquote(path[address.end() :]) if address else path
                uploaded_file(part["path"])
                part["meta"] = {"_type": "gradio.FileData"}
            elif path is not None:
                raise InputError("A file's path must be a text: name what the upload gave back.")
        if isinstance(part, (dict, list)):
            rest.extend(part.values() if isinstance(part, dict) else part)


def uploaded_path(payload: ImageData | None) -> str | None:
    """A `gr.Image`'s file as it came, for its ``preprocess``; None without one.

    Gradio would open the picture itself, and an unreadable one would end in a bare "Error" in place of our sentence.

    Raises:
        InputError: see `uploaded_file`.
    """
    return None if payload is None or payload.path is None else str(uploaded_file(payload.path))
