"""Named settings of speed against quality."""

from dataclasses import dataclass

from moditalker.options import DEFAULTS


@dataclass(frozen=True)
class Preset:
    """What a preset sets: denoising steps of AToM and MToV, and guidance (1 is none and halves AToM's work)."""

    atom_steps: int
    mtov_steps: int
    guidance: float


PRESETS = {
    "fast": Preset(atom_steps=10, mtov_steps=0, guidance=1.0),
    "balanced": Preset(atom_steps=DEFAULTS.atom_steps, mtov_steps=DEFAULTS.mtov_steps, guidance=DEFAULTS.guidance),
    "best": Preset(atom_steps=50, mtov_steps=8, guidance=DEFAULTS.guidance),
}
DEFAULT_PRESET = "balanced"
DIFFERENCES = (
    "Fast takes a third less time, and the lips open a fifth less. Best takes two fifths more, and moves the face "
    "and draws the mouth in more steps."
)
"""As `python -m moditalker.release.presets` measured them: 5.6, 8.5 and 11.8 s of work a second of video."""
