"""Models of single parts against what is shipped: python -m moditalker.training.part_check --data DIR --parts RUN...

Every clip of a split is made again from its own speech, by the shipped networks and by those that are named. Printed is
how far brows, lids and head are from the real ones, and how the mouth's opening and width follow the real one's, with
95 % intervals over speakers. A row ``NAME, own style`` is told the style of other clips of the same speaker. The
second table says whether a style is taken on: the speech of a few clips is said in the styles of all speakers, and how
far each movement goes is compared with those speakers.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from moditalker.atom.blinks import eye_closure
from moditalker.atom.head import POSE
from moditalker.atom.motion_sampling import sample_head, sample_residual
from moditalker.atom.motion_transformer import MotionTransformer
from moditalker.atom.schedulers import atom_scheduler
from moditalker.atom.spoken_parts import guidance_of, temperature_of
from moditalker.atom.style import MOVEMENTS, style_of, window_variances
from moditalker.atom.transformer_sampling import sample_part
from moditalker.audio.prosody import PROSODY
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import LIP_BRANCH, POINTS, mouth_opening, mouth_width
from moditalker.face.motion_controls import EXPRESSION
from moditalker.loading import load_pipeline
from moditalker.metrics.motion_statistics import WINDOW, beat_alignment, frechet_of_curves, spread, window_features
from moditalker.options import DEFAULTS
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.training.data.clips import PreparedClip, load_clips
from moditalker.training.data.styles import Styles
from moditalker.training.objectives.train_parts import clips_with_prosody

_STEPS, _DRAWS = 15, 500
_BROWS = [21, 22], [17, 26]
"""The inner and the outer ends."""
_TAKEN = {"expression": ("inner brows", "outer brows", "lids"), "head": ("nod", "turn", "tilt")}
_SAID, _LEAST = 10, 1e-7
"""Clips whose speech is said in every style; variance that is as good as none."""
REAL, SHIPPED, OWN_STYLE = "real", "shipped", ", own style"


@dataclass(frozen=True)
class Made:
    """Curves of one clip.

    Attributes:
        expression: (T, 3) heights of brows, and closure.
        head: (T, 6).
        lips: (T, 2) opening and width of the mouth, inter-ocular distances.
    """

    expression: np.ndarray
    head: np.ndarray
    lips: np.ndarray


def brow_curves(residual: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """(T, 3) of residuals (T, 68, 3) and closure (T,)."""
    heights = [residual[:, points, 1].mean(1) for points in _BROWS]
    return np.stack([*heights, closure], 1)


def mouth_curves(residual: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """(T, 2) of residuals (T, 68, 3) of a face (68, 3)."""
    face = residual + shape
    return np.stack([mouth_opening(face), mouth_width(face)], 1)


@torch.inference_mode()
def made_curves(
    pipeline: MoDiTalkerPipeline,
    parts: dict[str, MotionTransformer],
    clip: PreparedClip,
    style: np.ndarray | None = None,
) -> dict[str, Made]:
    """Real, shipped, and with the given parts in place of the shipped ones; a third of the clip in is its portrait.

    Args:
        pipeline: with the shipped networks.
        parts: by the name of their row.
        clip: with prosody.
        style: of its speaker, for rows of their own.
    """
    frame, speech = FaceFrame(clip.landmarks[len(clip) // 3]), clip.speech(0, len(clip))
    residual, pose = frame.analyse(clip.landmarks)
    closed = eye_closure(clip.landmarks, clip.open_eyes)
    made = {REAL: Made(brow_curves(residual, closed), pose, mouth_curves(residual, frame.shape))}
    scheduler, content = atom_scheduler(), np.ascontiguousarray(speech[:, :-PROSODY])

    def noise(number: int) -> torch.Generator:
        return torch.Generator().manual_seed(number)

    shipped = sample_residual(
        pipeline.atom, scheduler, content, frame.shape, steps=_STEPS, guidance=DEFAULTS.guidance, generator=noise(0)
    )
    turned, closure = sample_head(pipeline.head, scheduler, content, steps=_STEPS, generator=noise(1))
    made[SHIPPED] = usual = Made(brow_curves(shipped, closure), turned, mouth_curves(shipped, frame.shape))
    for name, network in parts.items():
        for row, manner in ((name, None), (f"{name}{OWN_STYLE}", style)):
            part = str(network.config["part"])
            drawn = sample_part(
                network,
                scheduler,
                speech,
                frame.shape,
                steps=_STEPS,
                generator=noise(2),
                guidance=guidance_of(part, DEFAULTS),
                temperature=temperature_of(part),
                style=manner,
            )
            if part == "head":
                made[row] = replace(usual, head=drawn[:, :POSE])
            elif part == "expression":
                made[row] = replace(usual, expression=expression_curves(drawn))
            else:
                residual = np.zeros_like(shipped)
                residual[:, LIP_BRANCH] = drawn.reshape(len(drawn), -1, 3)
                made[row] = replace(usual, lips=mouth_curves(residual, frame.shape))
    return made


def expression_curves(drawn: np.ndarray) -> np.ndarray:
    """(T, 3) of what a model of the expression gives, (T, C)."""
    brows = np.zeros((len(drawn), POINTS, 3), np.float32)
    brows[:, EXPRESSION] = drawn[:, :-1].reshape(len(drawn), -1, 3)
    return brow_curves(brows, drawn[:, -1])


@dataclass(frozen=True)
class Summary:
    """What the measures need of one system's curves of one clip, by part.

    ``lips`` is (3, 2): of opening and width the sums of squares, of the real one's, and of the products of both.
    """

    features: dict[str, np.ndarray]
    spread: dict[str, np.ndarray]
    beats: float
    lips: np.ndarray

    @classmethod
    def of(cls, made: Made, real: Made, loudness: np.ndarray) -> "Summary":
        """Of curves, of the real ones, and of the (T,) loudness of what is said."""
        own, wanted = (one.lips - one.lips.mean(0) for one in (made, real))
        curves = {"expression": made.expression, "head": made.head}
        return cls(
            {part: window_features(one) for part, one in curves.items()},
            {part: spread(one) for part, one in curves.items()},
            beat_alignment(made.head[:, :3], loudness),
            np.stack([(own**2).sum(0), (wanted**2).sum(0), (own * wanted).sum(0)]),
        )


def measures(clips: list[dict[str, Summary]], name: str) -> dict[str, float]:
    """Of some clips, of one system."""
    found = {}
    for part in ("expression", "head"):
        real, made = (np.concatenate([clip[one].features[part] for clip in clips], 1) for one in (REAL, name))
        wide, own = (np.mean([clip[one].spread[part] for clip in clips], 0) for one in (REAL, name))
        found[f"{part}: distance"] = frechet_of_curves(real, made)
        found[f"{part}: spread"] = float(np.mean(own / wide))
    found["head: beats"] = float(np.nanmean([clip[name].beats for clip in clips]))
    # Within clips: how open a mouth is at rest is not asked.
    own, real, both = np.sum([clip[name].lips for clip in clips], 0)
    for index, curve in enumerate(("opening", "width")):
        found[f"{curve}: correlation"] = float(both[index] / np.sqrt(own[index] * real[index] + _LEAST))
        found[f"{curve}: slope"] = float(both[index] / (real[index] + _LEAST))
    return found


def table(clips: list[PreparedClip], made: list[dict[str, Made]]) -> str:
    """Markdown, a row for each system; in brackets 95 % of ``_DRAWS`` draws of speakers with replacement."""
    loudness = [clip.features[::2, -PROSODY].astype(np.float64)[: len(clip)] for clip in clips]
    summaries = [
        {name: Summary.of(curves, systems[REAL], heard) for name, curves in systems.items()}
        for systems, heard in zip(made, loudness, strict=True)
    ]
    speakers = sorted({clip.speaker for clip in clips})
    of = {one: [i for i, clip in enumerate(clips) if clip.speaker == one] for one in speakers}
    rng = np.random.default_rng(0)
    draws = [[i for one in rng.choice(speakers, len(speakers)) for i in of[one]] for _ in range(_DRAWS)]
    lines = []
    for name in made[0]:
        whole = measures(summaries, name)
        drawn = [measures([summaries[i] for i in chosen], name) for chosen in draws]
        cells = []
        for measure, value in whole.items():
            low, high = np.quantile([one[measure] for one in drawn], [0.025, 0.975])
            cells.append(f"{value:.3f} ({low:.3f} to {high:.3f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    head = ["system", *measures(summaries, REAL)]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines]) + "\n"


def style_table(clips: list[PreparedClip], parts: dict[str, MotionTransformer]) -> str:
    """Markdown: correlation over speakers of how far a movement goes in their clips, and in their style elsewhere.

    Args:
        clips: with prosody.
        parts: by name.
    """
    speakers = sorted({clip.speaker for clip in clips})
    own = {one: window_variances_of([clip for clip in clips if clip.speaker == one]) for one in speakers}
    styles = {one: style_of(found) for one, found in own.items()}
    lines = ["| model | movement | correlation | share of the difference that is taken on |", "|---|---|---|---|"]
    for name, network in parts.items():
        part = network.config["part"]
        if part not in _TAKEN:
            continue
        said: dict[str, list[np.ndarray]] = {one: [] for one in speakers}
        for clip in _spread_over(clips, _SAID):
            speech, shape = clip.speech(0, len(clip)), FaceFrame(clip.landmarks[len(clip) // 3]).shape
            for one, style in styles.items():
                generator = torch.Generator().manual_seed(3)
                drawn = sample_part(
                    network, atom_scheduler(), speech, shape, steps=_STEPS, generator=generator, style=style
                )
                curves = expression_curves(drawn) if part == "expression" else drawn[:, :3]
                said[one].append(np.log(curves[:WINDOW].var(0) + _LEAST))
        made = np.stack([np.mean(said[one], 0) for one in speakers])
        for index, movement in enumerate(_TAKEN[part]):
            real = np.array([styles[one][MOVEMENTS.index(movement)] for one in speakers])
            slope, _ = np.polyfit(real, made[:, index], 1)
            lines.append(f"| {name} | {movement} | {np.corrcoef(real, made[:, index])[0, 1]:.2f} | {slope:.0%} |")
    return "\n".join(lines) + "\n"


def window_variances_of(clips: list[PreparedClip]) -> np.ndarray:
    """(n, 26) of all their windows."""
    return np.concatenate([window_variances(clip.landmarks) for clip in clips])


def _spread_over(clips: list[PreparedClip], count: int) -> list[PreparedClip]:
    return clips[:: max(1, len(clips) // count)][:count]


def main(arguments: list[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that 'prepare' wrote")
    parser.add_argument("--parts", type=Path, nargs="*", default=[], help="run folders of 'train NAME-part'")
    parser.add_argument("--split", default="val")
    parser.add_argument("--weights", default="compact")
    options = parser.parse_args(arguments)
    pipeline = load_pipeline(options.weights)
    assert isinstance(pipeline, MoDiTalkerPipeline)
    parts = {run.name: MotionTransformer.from_pretrained(run / "model").float().eval() for run in options.parts}
    clips = clips_with_prosody([clip for clip in load_clips(options.data, options.split) if len(clip) >= WINDOW])
    say(f"{len(clips)} clips of {len({clip.speaker for clip in clips})} speakers\n\n")
    styles = Styles(clips)
    say(table(clips, [made_curves(pipeline, parts, clip, styles.elsewhere(clip, 0, len(clip))) for clip in clips]))
    say("\n" + style_table(clips, parts))


if __name__ == "__main__":
    main()
