"""In which precision networks run where nobody asked for one: the one that is fast on this machine."""

import torch


def fast_in_bfloat16(device: torch.device) -> bool:
    """Whether convolutions gain by bfloat16: on GPUs, and on CPUs with matrix units for it (AMX).

    Other CPUs lose by it, those with AVX-512's dot products too: MToV takes a third longer than in float32.
    """
    return device.type != "cpu" or bool(torch.cpu.get_capabilities().get("amx_bf16"))


def fast_autocast(device: torch.device) -> torch.autocast:
    """For inference on a device."""
    return torch.autocast(device.type, torch.bfloat16, enabled=fast_in_bfloat16(device))
