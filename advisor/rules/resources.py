"""Memory: what fits where the user trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from advisor.facts import FULL_BYTES, LORA_TRAINABLE, Facts
from advisor.rules.base import Effects, Threshold, gigabytes, nats, push, rule, spread, weights
from advisor.rules.groups import ALL_WEIGHTS, FROZEN_ADAPTERS, PARTIAL, PROMPTED, each

USABLE = 0.9
"""Share of the memory that a training may plan with."""
UNKNOWN_MAIN = 64e9
"""Main memory, in bytes, that a machine may have whose main memory is not known (our line).

What fits neither the GPU nor main memory is blocked; what fits main memory alone is held against, since it would run
on the CPU. Without this line a machine with a small GPU would block what the same machine without it does not.
"""
QUARTER = 0.25
"""Share of the layers that partial tuning trains."""

_PEAK = "PEFT method comparison: a peak of 36.2 GiB with 24.3 allocated (full), 20.8 with 6.4 (LoRA r32)"
FULL_TIGHT = Threshold("full_bytes", 0.4, 0.9, "of the memory", f"{_PEAK}; the band is ours")
LORA_TIGHT = Threshold("lora_bytes", 0.4, 0.9, "of the memory", f"{_PEAK}; the band is ours")
TOO_MUCH = Threshold("full_bytes", 0.9, 1.5, "of the GPU's memory", "our line: offloading and 8-bit optimisers")
LORA_TOO_MUCH = Threshold("lora_bytes", 0.9, 1.5, "of the GPU's memory", "our line: offloading")
WEIGHTS_TOO_MUCH = Threshold("weight_bytes", 0.9, 1.5, "of the GPU's memory", "our line: offloading")

_RUNS = (*PROMPTED, "retrieval", "linear_probe", "setfit", *FROZEN_ADAPTERS, *PARTIAL, *ALL_WEIGHTS)
_FULL = ("setfit", *ALL_WEIGHTS, "from_scratch")
_FULL_WEAK = nats(**each(_FULL, "-W"))
_LORA_WEAK = nats(**each(FROZEN_ADAPTERS, "-W"))


class Need(NamedTuple):
    """What a training takes before activations, against what there is."""

    size: float
    """Bytes it takes where it would run."""
    share: float
    """The same over the memory there."""
    blocked: bool
    """Whether neither the GPU nor main memory can hold it."""


def need(facts: Facts, on_gpu: float, on_cpu: float) -> Need | None:
    """Compare bytes per parameter, on an accelerator and on a CPU, with the memory; None where one is not known.

    More memory never blocks: a GPU that is too small leaves main memory, as on a machine without it.
    """
    parameters = facts.model_parameters
    if parameters is None:
        return None
    gpu = facts.gpu_bytes
    if gpu is None:
        return None
    if gpu and on_gpu * parameters <= USABLE * gpu:
        return Need(on_gpu * parameters, on_gpu * parameters / gpu, False)
    known = facts.memory_bytes if facts.device in (None, "cpu") else None
    main = UNKNOWN_MAIN if known is None else known
    blocked = on_cpu * parameters > USABLE * main
    if gpu:
        return Need(on_gpu * parameters, on_gpu * parameters / gpu, blocked)
    return Need(on_cpu * parameters, on_cpu * parameters / main, blocked) if known is not None or blocked else None


def _judge(
    facts: Facts, found: Need | None, line: Threshold, names: tuple[str, ...], what: Callable[[], str]
) -> Effects | None:
    """Block what fits nowhere, and hold against it what fits main memory only."""
    if found is None or (found.share <= USABLE and not found.blocked):
        return None

    def because() -> str:
        elsewhere = "" if found.blocked else "; it would have to run in main memory"
        return f"{what()} takes at least {gigabytes(found.size)}, over {USABLE:.0%} of {_where(facts)}{elsewhere}."

    if found.blocked:
        return push(because, 1.0, **each(names, "block"))
    return push(because, line.grade(found.share), **each(names, "-S"))


def memory_has(facts: Facts) -> str:
    """Say how much memory there is, as the end of a sentence.

    Examples
    --------
    >>> memory_has(Facts(gpu="T4")), memory_has(Facts(gpu="T4", gpus=2))
    ('T4 has 16 GB', '2 × T4 have 32 GB')
    """
    size = f"{(facts.memory or 0) / 1e9:,.4g} GB"
    if facts.gpu_memory_gb or facts.gpu is not None:
        name = "the GPU in your brief" if facts.gpu is None else facts.gpu
        if facts.gpus and facts.gpus > 1:
            name = f"the {facts.gpus} GPUs in your brief" if facts.gpu is None else f"{facts.gpus} × {name}"
            return f"{name} have {size}"
        return f"{name} has {size}"
    return f"{facts.device_name or 'the GPU'} has {size}" if facts.gpu_bytes else f"main memory has {size}"


def _where(facts: Facts) -> str:
    """Name the memory, which may be main memory of unknown size."""
    if facts.gpu_bytes or facts.memory_bytes is not None:
        return facts.memory_words
    return f"the {gigabytes(UNKNOWN_MAIN)} of main memory that a machine without a GPU may have"


@rule(
    id="weights-fit-memory",
    strength="S",
    source="arithmetic: 2 bytes per parameter in 16 bit on an accelerator, 4 in 32 bit on a CPU",
    touches=_RUNS,
    thresholds=(WEIGHTS_TOO_MUCH,),
    example={"model_parameters": 70_000_000_000, "gpu_memory_gb": 24},
)
def weights_fit_memory(facts: Facts) -> Effects | None:
    """Run nothing on a model whose weights exceed 90 % of the memory.

    The weights must be there whatever is done with them. Quantised to four bits they take a quarter: see the rules on
    QLoRA.

    What to do: take a smaller model, a larger GPU, or weights in four bits.
    """
    found = need(facts, 2, 4)
    return _judge(facts, found, WEIGHTS_TOO_MUCH, _RUNS, lambda: f"Loading {facts.model_name}")


@rule(
    id="lora-fits-memory",
    strength="S",
    source=f"arithmetic (rule of thumb): frozen weights, and {FULL_BYTES} bytes for each trained parameter under AdamW",
    touches=FROZEN_ADAPTERS,
    thresholds=(LORA_TOO_MUCH,),
    example={"model_parameters": 20_000_000_000, "gpu_memory_gb": 24},
)
def lora_fits_memory(facts: Facts) -> Effects | None:
    """LoRA whose weights, adapters and optimiser exceed 90 % of the memory does not fit.

    Activations come on top, so this is the least it needs. The same goes for other adapters on 16-bit weights.

    What to do: quantise the frozen weights (QLoRA), or take a smaller model.
    """
    trained = FULL_BYTES * LORA_TRAINABLE
    found = need(facts, 2 + trained, 4 + trained)
    return _judge(
        facts, found, LORA_TOO_MUCH, FROZEN_ADAPTERS, lambda: f"LoRA on {facts.model_name}, before activations,"
    )


@rule(
    id="partial-fits-memory",
    strength="S",
    source=f"arithmetic (rule of thumb): frozen weights, and {FULL_BYTES} bytes for each parameter of the quarter that "
    "is trained under AdamW",
    touches=PARTIAL,
    thresholds=(TOO_MUCH,),
    example={"model_parameters": 20_000_000_000, "gpu_memory_gb": 24},
)
def partial_fits_memory(facts: Facts) -> Effects | None:
    """Tune no quarter of the layers where weights, gradients and optimiser exceed 90 % of the memory.

    Only what is trained needs gradients and optimiser states; the rest lies there as it is.

    What to do: train fewer layers, or adapters.
    """
    trained = FULL_BYTES * QUARTER
    found = need(facts, 2 + trained, 4 + trained)
    return _judge(
        facts, found, TOO_MUCH, PARTIAL, lambda: f"Tuning a quarter of {facts.model_name}, before activations,"
    )


@rule(
    id="full-fits-memory",
    strength="S",
    source=f"arithmetic (rule of thumb): {FULL_BYTES} bytes per parameter for AdamW in mixed precision; PEFT method "
    "comparison: Llama-3.2-3B in pure bf16 allocated 24.3 GiB, 8 bytes per parameter, and peaked at 36.2",
    touches=_FULL,
    thresholds=(TOO_MUCH,),
    example={"model_parameters": 7_000_000_000, "gpu_memory_gb": 24},
)
def full_fits_memory(facts: Facts) -> Effects | None:
    """Full fine-tuning whose weights, gradients and optimiser exceed 90 % of the memory does not fit.

    Activations come on top, so this is the least it needs. 8-bit optimisers, pure bfloat16 and offloading need less,
    so just beyond the GPU's memory it is only held against; what main memory cannot hold either is out.

    What to do: tune adapters or a part of the layers, shard over several GPUs, or take an 8-bit optimiser.
    """
    found = need(facts, FULL_BYTES, FULL_BYTES)
    if found is None or (found.share <= USABLE and not found.blocked):
        return None
    size = facts.model_parameters or 0
    return _judge(facts, found, TOO_MUCH, _FULL, lambda: f"Tuning all {weights(size)} parameters, before activations,")


@rule(
    id="full-leaves-little-memory",
    strength="W",
    source="PEFT method comparison: full fine-tuning peaked at 36.2 GiB with 24.3 allocated, half as much again "
    "(batch 4, up to 768 tokens)",
    touches=_FULL,
    thresholds=(FULL_TIGHT,),
    example={"model_parameters": 1_000_000_000, "gpu_memory_gb": 20},
)
def full_leaves_little_memory(facts: Facts) -> Effects | None:
    """Full fine-tuning that needs half to nine tenths of the memory before activations may not fit with them.

    Activations grow with batch, length and layers, and logits with the vocabulary: often half as much again.

    What to do: first checkpoint activations, then compute the loss in chunks, then take a smaller model; halve the
    batch and accumulate gradients before any of these.
    """
    found = need(facts, FULL_BYTES, FULL_BYTES)
    if found is None or found.blocked or found.share <= FULL_TIGHT.low:
        return None
    return spread(
        lambda: (
            f"Tuning all {weights(facts.model_parameters or 0)} parameters needs {gigabytes(found.size)}, and "
            f"{memory_has(facts)}; for activations on top checkpoint them, compute the loss in chunks, or take a "
            "smaller model."
        ),
        FULL_TIGHT.grade(found.share),
        _FULL_WEAK,
    )


@rule(
    id="lora-leaves-little-memory",
    strength="W",
    source="PEFT method comparison: LoRA r32 peaked at 20.8 GiB with 6.4 allocated (batch 4, up to 768 tokens, no "
    "checkpointing)",
    touches=FROZEN_ADAPTERS,
    thresholds=(LORA_TIGHT,),
    example={"model_parameters": 7_000_000_000, "gpu_memory_gb": 24},
)
def lora_leaves_little_memory(facts: Facts) -> Effects | None:
    """LoRA that needs half to nine tenths of the memory before activations may not fit with them.

    The frozen weights are most of what it takes beside activations, which grow with batch and length.

    What to do: first checkpoint activations, then compute the loss in chunks, then quantise the weights (QLoRA).
    """
    trained = FULL_BYTES * LORA_TRAINABLE
    found = need(facts, 2 + trained, 4 + trained)
    if found is None or found.blocked or found.share <= LORA_TIGHT.low:
        return None
    return spread(
        lambda: (
            f"LoRA on {facts.model_name} needs {gigabytes(found.size)}, and {memory_has(facts)}; for activations on "
            "top checkpoint them, compute the loss in chunks, or take a smaller model."
        ),
        LORA_TIGHT.grade(found.share),
        _LORA_WEAK,
    )


RULES = (
    weights_fit_memory,
    lora_fits_memory,
    partial_fits_memory,
    full_fits_memory,
    full_leaves_little_memory,
    lora_leaves_little_memory,
)
