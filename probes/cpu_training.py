"""What makes steps on a CPU faster and leaves what is learned as it is: cheaper dropout, attention step by step."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")
"""What transformers' configs call it."""


EAGER_TOKENS = 256
"""Tokens up to which attention step by step trains faster in half precision than torch's flash kernel on a CPU.

Steps of MiniLM without dropout on two cores, measured once: 1.5 times as fast at 24 tokens, 2.1 at 77, 1.3 at 256. At
512 the kernel is 1.2 times as fast (three Llama layers of MiniLM's width).
"""


class FewDraws(nn.Dropout):  # type: ignore[misc]
    """`nn.Dropout` with one 64-bit random number for every four values; shares are rounded to 1/65536.

    torch draws one for each value, which takes 4.4 ns a value on one core; this takes 1.5. Of a step of LoRA on MiniLM
    that is 13 to 17 %, of one on all weights 4 to 5 %.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Set a random share of the values to zero and scale the others up, in training."""
        if not self.training or self.p == 0 or values.device.type != "cpu":
            return super().forward(values)
        count = values.numel()
        draws = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = draws.view(torch.int16)[:count].view(values.shape) >= round(self.p * 2**16) - 2**15
        return values * kept.to(values.dtype).mul_(1 / (1 - self.p))


def attention_of(body: Any) -> str:
    """Return the name of the attention a transformers model computes, for which there is no public one."""
    return str(body.config._attn_implementation)  # noqa: SLF001


def prepare_for_cpu(model: Any, body: Any, *, half: bool, tokens: int) -> None:
    """Let a network that is trained on a CPU draw fewer random numbers and compute attention the faster way.

    With dropout in the attention, torch's fused kernels cannot be used while training, and in half precision what
    stands in for them is 8 to 16 % slower a step than transformers' own `eager` attention; it takes no less memory.
    Without dropout the fused kernel is slower still where texts are short (`EAGER_TOKENS`).

    Adapters of peft cast what they read to the precision of their weights, and autocast casts it back: in half
    precision they leave that out, which saves 5 to 10 % of a step of LoRA on MiniLM.

    Parameters
    ----------
    model : Module
        Its dropout layers are changed in place.
    body : PreTrainedModel
        The transformers model in it.
    half : bool
        Whether it is trained in bfloat16.
    tokens : int
        Of the longest text.
    """
    for module in model.modules():
        if type(module) is nn.Dropout and module.p < 1 and not module.inplace:
            module.__class__ = FewDraws
        if half and hasattr(module, "cast_input_dtype_enabled"):
            module.cast_input_dtype_enabled = False
    dropped = any(getattr(body.config, name, 0) for name in ATTENTION_DROPOUT)
    if half and (dropped or tokens <= EAGER_TOKENS):
        body.set_attn_implementation("eager")
