"""What training costs at least, in hours and money: rough arithmetic from parameters, tokens and GPU."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.gpus import Gpu, gpu_named, gpu_of_size
from advisor.memory import BATCH, USUAL_TOKENS, row_length

MFU = 0.30
"""Share of the data sheet's FLOP/s that a training sees; it is .12 to .45, so estimates are good to a factor of 2."""
LEAST_STEPS = 200
"""Optimiser steps of the shortest training worth its name (our line)."""
LEAST_PASSES = LEAST_STEPS * BATCH
"""Rows that the shortest training reads, counted each time.

It does not depend on how many rows there are: those that the budget does not pay for can be left out, so that having
more of them never makes a strategy dearer.
"""
FULL_FLOPS = 6
"""FLOPs per weight and token of full fine-tuning: two forward, four backward."""

SHARE_OF_FULL: dict[str, float] = {
    "linear_probe": 1 / 3,
    "setfit": 2.0,
    "prompt_tuning": 2 / 3,
    "ia3": 2 / 3,
    "lora": 2 / 3,
    "qlora": 0.93,
    "dora": 0.78,
    "early_layers": 0.75,
    "top_layers": 0.5,
    "full": 1.0,
    "distillation": 1.0,
    "domain_alignment": 2.0,
    "tapt": 2.0,
    "dapt": 2.0,
    "from_scratch": 5.0,
}
"""FLOPs of each strategy's shortest training, over those of full fine-tuning.

Adapters need no gradients of the frozen weights (4 of 6 FLOPs); QLoRA takes 39 % longer than LoRA (Dettmers et al.
2023, abstract) and DoRA 17 % (PEFT method comparison); a quarter of the layers on top needs a quarter of the backward
pass, one at the bottom needs gradients to reach it; pairs of texts, and two corpora, read twice. That from scratch
takes five times the steps is our line, and so is that continued pretraining takes at least as long as tuning.
"""


def full_hours(facts: Facts) -> float | None:
    """Return the hours that the shortest full fine-tuning takes on the user's GPUs; None where it is not known.

    Examples
    --------
    >>> round(full_hours(Facts(gpu="A100-80", model_parameters=7_000_000_000, input_tokens=500)), 2)
    0.2
    >>> full_hours(Facts(model_parameters=7_000_000_000)) is None
    True
    """
    gpu = _gpu(facts)
    if facts.model_parameters is None or gpu is None:
        return None
    tokens = row_length(facts) or USUAL_TOKENS
    speed = gpu.tflops * 1e12 * MFU * (facts.gpus or 1)
    return FULL_FLOPS * facts.model_parameters * LEAST_PASSES * tokens / speed / 3600


def full_money(facts: Facts) -> float | None:
    """Return what the shortest full fine-tuning costs, at the user's price for an hour or else the usual one.

    Examples
    --------
    >>> round(full_money(Facts(gpu="A100-80", model_parameters=7_000_000_000, input_tokens=500)), 2)
    0.38
    """
    hours = full_hours(facts)
    return None if hours is None else hours * (facts.gpus or 1) * hourly_price(facts)


def hourly_price(facts: Facts) -> float:
    """Return the price of one GPU for an hour: the user's, else the usual one of that GPU, else 0."""
    if facts.gpu_hourly_price is not None:
        return facts.gpu_hourly_price
    gpu = _gpu(facts)
    return 0.0 if gpu is None else gpu.hourly_price


def reckoned_gpu(facts: Facts) -> str:
    """Name the GPU that hours and prices are reckoned with, and say where it only stands for one of its size.

    Examples
    --------
    >>> reckoned_gpu(Facts(gpu="L4", gpus=2)), reckoned_gpu(Facts(gpu_memory_gb=24))
    ('2 × L4', '1 × a GPU of 24 GB, taken for an L4')
    """
    gpu = _gpu(facts)
    name = "no GPU" if gpu is None else gpu.name
    if gpu is not None and facts.gpu is None:
        article = "an" if gpu.name[0] in "AHLRM" else "a"
        name = f"a GPU of {facts.gpu_memory_gb:g} GB, taken for {article} {gpu.name}"
    return f"{facts.gpus or 1} × {name}"


def _gpu(facts: Facts) -> Gpu | None:
    """Return the user's GPU; of those with the memory they named, or the next less, the usual one in the cloud."""
    if facts.gpu is not None:
        return gpu_named(facts.gpu)
    if not facts.gpu_memory_gb:
        return None
    return gpu_of_size(facts.gpu_memory_gb)
