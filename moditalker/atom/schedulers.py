"""The noise schedules of both diffusion models, as diffusers schedulers."""

from diffusers import DDIMScheduler


def atom_scheduler() -> DDIMScheduler:
    """AToM's and the head's: cosine, 1000 steps, x0 prediction."""
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        timestep_spacing="trailing",
        clip_sample=False,
        rescale_betas_zero_snr=True,
    )


def mtov_scheduler() -> DDIMScheduler:
    """MToV's: scaled linear from 0.0015 to 0.0195, 1000 steps, x0 prediction."""
    return DDIMScheduler(
        beta_start=0.0015,
        beta_end=0.0195,
        beta_schedule="scaled_linear",
        prediction_type="sample",
        timestep_spacing="trailing",
        clip_sample=False,
    )
