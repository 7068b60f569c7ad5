"""Memory: what fits where the user trains."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.memory import FULL_BYTES
from advisor.rules.base import LOG_ODDS, Effects, Threshold, gigabytes, nats, rule, spread, weights
from advisor.rules.groups import ALL_WEIGHTS, FROZEN_ADAPTERS, PARTIAL, PROMPTED, each
from advisor.rules.room import ACTIVATIONS, USABLE, judge, main_memory, memory_has, tight
from strategies.cost import FOUR_BITS_ALL

_BAND = "our line: what checkpointed activations and a smaller batch can save"
SLOW_TO_ANSWER = Threshold(
    "model_parameters", 1e9, 1e10, "parameters", "our line: main memory gives some 50 GB a second"
)
FULL_TIGHT = Threshold("full_peak", 0.9, 1.8, "of the memory", _BAND)
PARTIAL_TIGHT = Threshold("partial_peak", 0.9, 1.8, "of the memory", _BAND)
LORA_TIGHT = Threshold("lora_peak", 0.9, 1.8, "of the memory", _BAND)
TOO_MUCH = Threshold("full_bytes", 0.9, 1.5, "of the GPU's memory", "our line: offloading and 8-bit optimisers")
_OFF = "our line: the estimate may be off by a tenth or two"
LORA_TOO_MUCH = Threshold("lora_bytes", 0.9, 1.2, "of the GPU's memory", _OFF)
WEIGHTS_TOO_MUCH = Threshold("weight_bytes", 0.9, 1.2, "of the GPU's memory", _OFF)

_RUNS = ("linear_probe", "setfit", *FROZEN_ADAPTERS, *PARTIAL, *ALL_WEIGHTS)
_ASKS = (*PROMPTED, "retrieval", "distillation")
"""What lets the model answer as it is: the user's requests, or the texts that a small model is to learn from."""
_NOT_AT_ALL = nats(**each(_ASKS, "block"))
_HELD = nats(**each(_ASKS, "-M"))
_FULL = ("setfit", *ALL_WEIGHTS, "from_scratch")
# On the CPU: training there is far slower, reading features once less so.
_RUNS_SLOWLY = nats(linear_probe="-W", **each(tuple(name for name in _RUNS if name != "linear_probe"), "-S"))
_LORA_SLOWLY = nats(**each(FROZEN_ADAPTERS, "-S"))
_PARTIAL_SLOWLY = nats(**each(PARTIAL, "-S"))
_FULL_SLOWLY = nats(**each(_FULL, "-S"))
_FULL_WEAK = nats(**each(_FULL, "-W"))
_PARTIAL_WEAK = nats(**each(PARTIAL, "-W"))
_LORA_WEAK = nats(**each(FROZEN_ADAPTERS, "-W"))


@rule(
    id="weights-fit-memory",
    strength="S",
    source="arithmetic: 2 bytes per parameter in 16 bit on an accelerator, 4 in 32 bit on a CPU",
    touches=_RUNS,
    thresholds=(WEIGHTS_TOO_MUCH,),
    example={"model_parameters": 70_000_000_000, "gpu_memory_gb": 24},
)
def weights_fit_memory(facts: Facts) -> Effects | None:
    """Train nothing on a model whose weights exceed 90 % of the memory.

    The weights must be there whatever is trained on them. Quantised to four bits they take a quarter: see the rules on
    QLoRA, and on prompts.

    What to do: take a smaller model, a larger GPU, or weights in four bits.
    """
    return judge(facts, "none", WEIGHTS_TOO_MUCH, _RUNS_SLOWLY, lambda: f"Loading {facts.model_name}")


@rule(
    id="prompts-in-four-bits",
    strength="S",
    source="arithmetic: .55 bytes per parameter in four bits; Dettmers et al. 2023 (QLoRA): mean MMLU 53.1 with NF4 "
    "and double quantisation, 53.0 in bf16",
    touches=_ASKS,
    thresholds=(WEIGHTS_TOO_MUCH, SLOW_TO_ANSWER),
    example={"model_kind": "causal", "model_parameters": 13_000_000_000, "gpu_memory_gb": 24},
)
def prompts_in_four_bits(facts: Facts) -> Effects | None:
    """To let a model answer as it is, four bits a weight suffice; where those do not fit either, it can't.

    A prompt needs no gradients, and quantised weights answer about as well. So what does not fit in 16 bits is held
    against a prompt only weakly, what runs in main memory more, the larger it is, and only what fits nowhere is ruled
    out; a teacher that cannot be loaded teaches no small model either.

    What to do: load the weights in four bits, or take a smaller model.
    """
    size = facts.model_parameters
    if size is None or facts.model_kind == "encoder":
        return None
    gpu = facts.gpu_bytes
    if gpu is None:
        return None
    packed, whole = FOUR_BITS_ALL * size, 2.0 * size
    if gpu and whole <= WEIGHTS_TOO_MUCH.low * gpu:
        return None
    room = max(main_memory(facts)[0], gpu)
    name = facts.model_name
    in_four_bits = f"in four bits {name} takes {gigabytes(packed)}"
    if packed > USABLE * room:
        return spread(f"Even {in_four_bits}, over {USABLE:.0%} of {gigabytes(room)} of memory.", 1.0, _NOT_AT_ALL)
    slow = SLOW_TO_ANSWER.grade(size) * (WEIGHTS_TOO_MUCH.grade(packed / gpu) if gpu else 1.0)
    tight = LOG_ODDS["W"] / LOG_ODDS["M"] * WEIGHTS_TOO_MUCH.grade(whole / gpu) if gpu else 0.0

    def because() -> str:
        if slow <= tight:
            return f"In 16 bits {name} takes {gigabytes(whole)}, and {memory_has(facts)}; {in_four_bits}."
        where = f"Even {in_four_bits}, and {memory_has(facts)}" if gpu else f"Without an accelerator, {in_four_bits}"
        return f"{where}; each token reads all {weights(size)} weights, and main memory is slow."

    return spread(because, max(slow, tight), _HELD)


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

    Reckoned at the least: a batch of 1, activations checkpointed, and none counted where the length of the rows is not
    known. The same goes for other adapters on 16-bit weights.

    What to do: quantise the frozen weights (QLoRA), or take a smaller model.
    """
    return judge(facts, "lora", LORA_TOO_MUCH, _LORA_SLOWLY, lambda: f"LoRA on {facts.model_name}")


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
    return judge(facts, "partial", TOO_MUCH, _PARTIAL_SLOWLY, lambda: f"Tuning a quarter of {facts.model_name}")


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

    Reckoned at the least: a batch of 1, activations checkpointed, and none counted where the length of the rows is not
    known. 8-bit optimisers, pure bfloat16 and offloading need less, so just beyond the GPU's memory it is only held
    against; what main memory cannot hold either is out.

    What to do: tune adapters or a part of the layers, shard over several GPUs, or take an 8-bit optimiser.
    """
    return judge(facts, "full", TOO_MUCH, _FULL_SLOWLY, lambda: _all_parameters(facts))


def _all_parameters(facts: Facts) -> str:
    return f"Tuning all {weights(facts.model_parameters or 0)} parameters"


@rule(
    id="full-leaves-little-memory",
    strength="W",
    source=ACTIVATIONS,
    touches=_FULL,
    thresholds=(FULL_TIGHT,),
    example={"model_parameters": 1_000_000_000, "gpu_memory_gb": 20},
)
def full_leaves_little_memory(facts: Facts) -> Effects | None:
    """Full fine-tuning that takes over 90 % of the memory at a batch of 16 needs measures to fit.

    Activations grow with batch, length and layers, logits with the vocabulary.

    What to do: checkpoint activations, then take a batch of 1 and accumulate gradients, then compute the loss in
    chunks; then take a smaller model.
    """
    return tight(facts, "full", FULL_TIGHT, _FULL_WEAK, lambda: _all_parameters(facts))


@rule(
    id="partial-leaves-little-memory",
    strength="W",
    source=ACTIVATIONS,
    touches=PARTIAL,
    thresholds=(PARTIAL_TIGHT,),
    example={"model_parameters": 3_000_000_000, "gpu_memory_gb": 24},
)
def partial_leaves_little_memory(facts: Facts) -> Effects | None:
    """Tuning a quarter of the layers that takes over 90 % of the memory at a batch of 16 needs measures to fit.

    Reckoned as for the first quarter, whose gradients pass through all layers.

    What to do: train the last layers, checkpoint activations, or take a batch of 1 and accumulate gradients.
    """
    return tight(facts, "partial", PARTIAL_TIGHT, _PARTIAL_WEAK, lambda: f"Tuning a quarter of {facts.model_name}")


@rule(
    id="lora-leaves-little-memory",
    strength="W",
    source=ACTIVATIONS,
    touches=FROZEN_ADAPTERS,
    thresholds=(LORA_TIGHT,),
    example={"model_parameters": 7_000_000_000, "gpu_memory_gb": 24},
)
def lora_leaves_little_memory(facts: Facts) -> Effects | None:
    """LoRA that takes over 90 % of the memory at a batch of 16 needs measures to fit.

    Its gradients pass through all layers, so its activations are those of full fine-tuning, and often most of what it
    takes.

    What to do: checkpoint activations, then take a batch of 1 and accumulate gradients, then compute the loss in
    chunks; then quantise the weights (QLoRA).
    """
    return tight(facts, "lora", LORA_TIGHT, _LORA_WEAK, lambda: f"LoRA on {facts.model_name}")


RULES = (
    weights_fit_memory,
    prompts_in_four_bits,
    lora_fits_memory,
    partial_fits_memory,
    full_fits_memory,
    full_leaves_little_memory,
    partial_leaves_little_memory,
    lora_leaves_little_memory,
)
