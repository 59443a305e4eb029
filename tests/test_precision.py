"""Networks run in the precision that is fast on the machine."""

from unittest.mock import patch

import pytest
import torch

from moditalker.utils.precision import fast_autocast, fast_in_bfloat16


@pytest.mark.parametrize(
    ("capabilities", "kind"),
    [({"amx_bf16": True}, torch.bfloat16), ({"avx512_bf16": True}, torch.float32), ({}, torch.float32)],
)
def test_a_cpu_without_matrix_units_computes_in_float32(capabilities: dict[str, bool], kind: torch.dtype) -> None:
    layer, picture = torch.nn.Conv2d(1, 1, 3), torch.zeros(1, 1, 4, 4)
    with patch("torch.cpu.get_capabilities", return_value=capabilities), fast_autocast(torch.device("cpu")):
        assert layer(picture).dtype == kind


def test_gpus_compute_in_bfloat16() -> None:
    assert fast_in_bfloat16(torch.device("cuda"))
