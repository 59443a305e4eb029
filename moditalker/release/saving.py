"""What is taken out of saved networks before they are given away."""

import json
from pathlib import Path


def strip_name_or_path(config: Path) -> None:
    """Take out of a saved network's ``config.json`` where its weights were read from, which is nobody's business.

    diffusers writes that down.
    """
    kept = {key: value for key, value in json.loads(config.read_text()).items() if key != "_name_or_path"}
    config.write_text(json.dumps(kept, indent=2) + "\n")
