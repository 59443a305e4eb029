"""The published samplers: DDIM (J. Song et al., ICLR 2021) with eta = 1, as EDGE and PVDM step."""

from itertools import pairwise

import torch

# Not used here: diffusers looks in this module for the kind of what it loads.
from diffusers import DDIMScheduler, SchedulerMixin  # noqa: F401
from diffusers.configuration_utils import register_to_config
from diffusers.schedulers.scheduling_ddim import DDIMSchedulerOutput


class PublishedDDIM(DDIMScheduler):
    """Steps of linspace(-1, 999, steps + 1), truncated to whole numbers and walked down; x0 is kept in [-1, 1].

    diffusers' own scheduler knows the same steps only where their number divides 1000, and with eta = 1 and few of them
    it takes the root of a number that rounding made negative.

    Args:
        beta_start, beta_end, beta_schedule, num_train_timesteps, prediction_type: as in ``DDIMScheduler``.
        eta: share of the noise that each step draws anew; 0 draws none.
        noise_from_clean: which noise goes on into the next step: that which the limited x0 implies (EDGE), or what the
            network predicted, though the x0 it implies was limited (PVDM).
    """

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.0015,
        beta_end: float = 0.0195,
        beta_schedule: str = "scaled_linear",
        prediction_type: str = "epsilon",
        eta: float = 1.0,
        noise_from_clean: bool = False,
    ) -> None:
        super().__init__(
            num_train_timesteps=num_train_timesteps,
            beta_start=beta_start,
            beta_end=beta_end,
            beta_schedule=beta_schedule,
            prediction_type=prediction_type,
        )
        self._following: dict[int, int] = {}

    def set_timesteps(
        self, num_inference_steps: int, device: str | torch.device | None = None, start: float = 1.0
    ) -> None:
        """Choose the steps.

        Args:
            num_inference_steps: how many are made.
            device: of ``timesteps``.
            start: share of the schedule that they cover, from its end on: 0.25 with 25 steps are the last of 100.
        """
        train = self.config["num_train_timesteps"]
        self.num_inference_steps = round(num_inference_steps / start)
        grid = torch.linspace(-1, train - 1, self.num_inference_steps + 1).int().flip(0).tolist()
        walked = grid[-num_inference_steps - 1 :]
        self._following = dict(pairwise(walked))
        self.timesteps = torch.tensor(walked[:-1], device=device)

    def step(
        self,
        model_output: torch.Tensor,
        timestep: int | torch.Tensor,
        sample: torch.Tensor,
        generator: torch.Generator | None = None,
        variance_noise: torch.Tensor | None = None,
    ) -> DDIMSchedulerOutput:
        """One step.

        Args:
            model_output: what the network predicted: x0, or the noise.
            timestep: one of ``timesteps``.
            sample: what it was given.
            generator: of the noise that is drawn anew.
            variance_noise: that noise itself, instead of a generator.
        Returns:
            ``prev_sample`` and the limited x0.
        """
        following = self._following[int(timestep)]
        now = self.alphas_cumprod[int(timestep)].to(sample.device)
        if self.config["prediction_type"] == "epsilon":
            clean = (sample - (1 - now).sqrt() * model_output) / now.sqrt()
        else:
            clean = model_output
        clean = clean.clamp(-1, 1)
        if following < 0:
            return DDIMSchedulerOutput(prev_sample=clean, pred_original_sample=clean)
        implied = self.config["noise_from_clean"] or self.config["prediction_type"] != "epsilon"
        noise = (sample - now.sqrt() * clean) / (1 - now).sqrt() if implied else model_output
        then = self.alphas_cumprod[following].to(sample.device)
        spread = self.config["eta"] * ((1 - now / then) * (1 - then) / (1 - now)).clamp_min(0).sqrt()
        kept = (1 - then - spread.square()).clamp_min(0).sqrt()
        if variance_noise is None:
            # Drawn on the generator's own device, so that a seed means the same on every machine.
            where = generator.device if generator is not None else sample.device
            variance_noise = torch.randn(sample.shape, generator=generator, device=where, dtype=sample.dtype)
        earlier = then.sqrt() * clean + kept * noise + spread * variance_noise.to(sample)
        return DDIMSchedulerOutput(prev_sample=earlier, pred_original_sample=clean)


def paper_atom_scheduler() -> PublishedDDIM:
    """AToM's: cosine (s = 0.008, betas at most 0.999), x0 prediction; 50 steps."""
    return PublishedDDIM(beta_schedule="squaredcos_cap_v2", prediction_type="sample", noise_from_clean=True)


def paper_mtov_scheduler() -> PublishedDDIM:
    """MToV's: scaled linear from 0.0015 to 0.0195, noise prediction; 100 steps, or the last 25 of them."""
    return PublishedDDIM()
