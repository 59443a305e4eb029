"""Long sequences by overlapping windows that are made to agree while they are denoised.

All windows take the same noise where they overlap, and after every step their predictions of the clean signal are
blended there (MultiDiffusion, O. Bar-Tal et al., ICML 2023). With a deterministic sampler the windows then stay equal
in the overlap, so they join without a seam.
"""

import torch


def window_count(length: int, window: int, overlap: int) -> int:
    """How many windows cover ``length`` frames; the last one may reach past the end.

    Raises:
        ValueError: the overlap is more than half of the window, or the length is not positive.
    """
    if not 0 <= 2 * overlap <= window or length < 1:
        raise ValueError(f"need length > 0 and 2 * overlap <= window, got {length=}, {window=}, {overlap=}")
    return 1 + max(0, -(-(length - window) // (window - overlap)))


def padded_length(count: int, window: int, overlap: int) -> int:
    """Frames that ``count`` windows span."""
    return window + (count - 1) * (window - overlap)


def cut_windows(sequence: torch.Tensor, window: int, overlap: int) -> torch.Tensor:
    """(T, ...) -> (W, window, ...); T must be a ``padded_length``."""
    return sequence.unfold(0, window, window - overlap).movedim(-1, 1)


def agree(windows: torch.Tensor, overlap: int) -> torch.Tensor:
    """Blend neighbours linearly where they overlap and give both the result.

    Args:
        windows: (W, window, ...).
    Returns:
        The same shape; ``result[i, -overlap:]`` equals ``result[i + 1, :overlap]``.
    """
    if overlap == 0 or len(windows) < 2:
        return windows
    ramp = torch.linspace(0, 1, overlap + 2, device=windows.device, dtype=windows.dtype)[1:-1]
    ramp = ramp.reshape(overlap, *[1] * (windows.dim() - 2))
    shared = windows[:-1, -overlap:] * (1 - ramp) + windows[1:, :overlap] * ramp
    result = windows.clone()
    result[:-1, -overlap:] = shared
    result[1:, :overlap] = shared
    return result


def join(windows: torch.Tensor, overlap: int, length: int) -> torch.Tensor:
    """(W, window, ...) that agree -> (length, ...)."""
    kept = windows[:, : windows.shape[1] - overlap].flatten(0, 1)
    return torch.cat([kept, windows[-1, windows.shape[1] - overlap :]])[:length]
