"""Faster steps on a CPU: dropout that does what torch's does, and attention that says the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from probes.adapters import with_adapter
from probes.cpu_training import FewDraws, prepare_for_cpu
from probes.recipe import Lora


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_drops_what_torch_drops(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    values = torch.ones(101, 1003, dtype=dtype, requires_grad=True)
    found = FewDraws(share)(values)
    assert found.dtype == dtype
    dropped = found == 0
    assert dropped.float().mean().item() == pytest.approx(share, abs=0.005)
    # Neighbours, which share a random number, are dropped independently of each other.
    both = dropped.flatten()[:-1] & dropped.flatten()[1:]
    assert both.float().mean().item() == pytest.approx(share**2, abs=0.003)
    torch.testing.assert_close(found[~dropped], torch.full_like(found[~dropped], 1 / (1 - share)))
    found.float().sum().backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad, found.detach())


def test_it_depends_on_the_seed_and_rests_outside_training() -> None:
    values, layer = torch.randn(7, 9), FewDraws(0.3)
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(layer(values))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert layer.eval()(values) is values
    assert FewDraws(0.0)(values) is values
    assert layer.train()(torch.empty(0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("dropout", "half", "tokens", "attention"),
    [(0.1, True, 512, "eager"), (0.1, False, 16, "sdpa"), (0.0, True, 16, "eager"), (0.0, True, 512, "sdpa")],
)
def test_a_network_says_the_same_and_draws_less(
    dropout: float, half: bool, tokens: int, attention: str, tmp_path: Path, save_model: Callable[..., Path]
) -> None:
    from transformers import AutoConfig, AutoModel

    body = AutoModel.from_pretrained(save_model(tmp_path / "model", "encoder", dropout=dropout)).eval()
    ids = torch.tensor([[2, 5, 6, 7, 3], [2, 5, 3, 0, 0]])
    batch = {"input_ids": ids, "attention_mask": (ids != 0).long()}
    with torch.inference_mode():
        before = body(**batch).last_hidden_state
        prepare_for_cpu(body, body, half=half, tokens=tokens)
        torch.testing.assert_close(body(**batch).last_hidden_state[0], before[0])
    assert body.config._attn_implementation == attention
    assert {type(m) for m in body.modules() if isinstance(m, nn.Dropout)} == {FewDraws}
    body.save_pretrained(tmp_path / "saved")
    assert AutoModel.from_config(AutoConfig.from_pretrained(tmp_path / "saved")).config._attn_implementation == "sdpa"


@pytest.mark.parametrize("adapter", [Lora(), Lora(dora=True)], ids=["lora", "dora"])
def test_adapters_read_half_precision_as_it_comes_and_learn_the_same(
    adapter: Lora, tmp_path: Path, save_model: Callable[..., Path]
) -> None:
    from transformers import AutoModel

    ids = torch.tensor([[2, 5, 6, 7, 3], [2, 5, 3, 0, 0]])
    batch = {"input_ids": ids, "attention_mask": (ids != 0).long()}
    folder = save_model(tmp_path / "model", "encoder")
    found = []
    for half in (False, True):
        torch.manual_seed(0)
        model = with_adapter(AutoModel.from_pretrained(folder), adapter, "FEATURE_EXTRACTION").eval()
        for name, weights in model.named_parameters():
            if "lora_B" in name:  # starts at zero, where nothing reaches the other half of an adapter
                nn.init.normal_(weights, std=0.1)
        prepare_for_cpu(model, model.get_base_model(), half=half, tokens=16)
        casting = {m.cast_input_dtype_enabled for m in model.modules() if hasattr(m, "cast_input_dtype_enabled")}
        assert casting == {not half}
        with torch.autocast("cpu", torch.bfloat16):
            model(**batch).last_hidden_state[:, 0, :8].float().sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert found[0].norm() > 0
    assert torch.cosine_similarity(found[0], found[1], dim=0) > 0.99
