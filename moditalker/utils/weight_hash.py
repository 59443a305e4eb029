"""What names a network's weights."""

from hashlib import sha256

import torch


def digest(network: torch.nn.Module) -> str:
    """The first 16 hex digits of a SHA-256 over a network's weights, in the order of their names."""
    total = sha256()
    for name, tensor in sorted(network.state_dict().items()):
        total.update(name.encode())
        total.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()[:16]
