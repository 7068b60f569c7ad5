"""What a training takes against the memory it would run in, and which measures make it fit: for rules on memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from advisor.facts import Facts
from advisor.memory import (
    PLAIN,
    USUAL_TOKENS,
    USUAL_VOCABULARY,
    Measures,
    row_length,
    saving,
    takes,
    vocabulary_assumed,
)
from advisor.rules.base import BLOCK, Effects, Threshold, count, gigabytes, spread
from strategies.cost import Method, Precision

USABLE = 0.9
"""Share of the memory that a training may plan with."""
UNKNOWN_MAIN = 64e9
"""Main memory, in bytes, that a machine may have whose main memory is not known (our line).

What fits neither the GPU nor main memory is blocked; what fits main memory alone is held against, since it would run
on the CPU. Without this line a machine with a small GPU would block what the same machine without it does not.
"""
ACTIVATIONS = (
    "arithmetic: 34 bytes of activations for each token, hidden unit and layer (Korthikanti et al. 2022), 2 of them "
    "and one layer's when checkpointed; PEFT method comparison: LoRA r32 on Llama-3.2-3B peaked at 20.8 GiB with 6.4 "
    "allocated (batch 4, up to 768 tokens)"
)


class Need(NamedTuple):
    """What a training takes where it would run, against the memory there."""

    least: float
    """Bytes with a batch of 1, checkpointed activations and a loss in chunks; before activations where the length of
    the rows is not known."""
    room: float
    """Bytes of memory there."""
    blocked: bool
    """Whether neither the GPU nor main memory can hold the least."""
    tokens: float | None
    """Tokens of a row, None where nobody says."""
    precision: Precision

    @property
    def share(self) -> float:
        """The least over the memory."""
        return self.least / self.room

    def bytes(self, facts: Facts, method: Method, measures: Measures) -> float:
        """Return what it takes with some measures, at the usual length where none is known."""
        tokens = USUAL_TOKENS if self.tokens is None else self.tokens
        return takes(facts, method, measures, tokens, precision=self.precision)


def need(facts: Facts, method: Method) -> Need | None:
    """Compare what a training takes at least with the memory; None where one is not known, or all rows fit as it is.

    More memory never blocks: a GPU that is too small leaves main memory, as on a machine without it.
    """
    if facts.model_parameters is None:
        return None
    gpu = facts.gpu_bytes
    if gpu is None:
        return None
    trains = method != "none"
    if trains and gpu and facts.context and takes(facts, method, PLAIN, facts.context) <= USABLE * gpu:
        return None  # whatever the length of the rows, which need not be asked for
    tokens = row_length(facts) if trains else None
    measures = saving(facts)[-1]
    on_gpu = takes(facts, method, measures, tokens or 0, at_least=True)
    if gpu and on_gpu <= USABLE * gpu:
        return Need(on_gpu, gpu, False, tokens, "mixed")
    main, known = main_memory(facts)
    on_cpu = takes(facts, method, measures, tokens or 0, precision="fp32", at_least=True)
    blocked = on_cpu > USABLE * main
    if gpu:
        return Need(on_gpu, gpu, blocked, tokens, "mixed")
    return Need(on_cpu, main, blocked, tokens, "fp32") if known or blocked else None


def main_memory(facts: Facts) -> tuple[float, bool]:
    """Return the bytes of main memory where the user trains, and whether they are known.

    A GPU in the brief may stand in another machine than this one, whose main memory is taken for `UNKNOWN_MAIN` then,
    or for this one's where that is more: naming a GPU rules nothing out that would do without.
    """
    here = facts.memory_bytes if facts.device in (None, "cpu") else None
    if here is None:
        return UNKNOWN_MAIN, False
    if facts.device == "cpu" and (facts.gpu is not None or facts.gpu_memory_gb):
        return max(UNKNOWN_MAIN, here), False
    return here, True


def judge(
    facts: Facts, method: Method, line: Threshold, slower: dict[str, float], what: Callable[[], str]
) -> Effects | None:
    """Block what fits nowhere, and hold against it what fits main memory only, by the nats of `slower`."""
    found = need(facts, method)
    if found is None or (found.share <= USABLE and not found.blocked):
        return None

    def because() -> str:
        elsewhere = "" if found.blocked else "; it would have to run in main memory"
        return (
            f"{what()} takes at least {gigabytes(found.least)}{at_least(facts, method, found)}, over {USABLE:.0%} of "
            f"{_where(facts)}{elsewhere}."
        )

    if found.blocked:
        return spread(because, 1.0, dict.fromkeys(slower, BLOCK))
    return spread(because, line.grade(found.share), slower)


def at_least(facts: Facts, method: Method, found: Need) -> str:
    """Say what the least of a training is reckoned with."""
    if method == "none":
        return ""
    if found.tokens is None:
        return " before activations"
    return f" with {saving(facts)[-1].words}, at {count(found.tokens, 'token')} a row"


def tight(
    facts: Facts, method: Method, line: Threshold, against: dict[str, float], what: Callable[[], str]
) -> Effects | None:
    """Hold against a training that it does not fit as it is, and say which measures make it fit."""
    found = need(facts, method)
    if found is None or found.blocked:
        return None
    plain = found.bytes(facts, method, PLAIN)
    if plain <= line.low * found.room:
        return None

    def because() -> str:
        rows = count(USUAL_TOKENS if found.tokens is None else found.tokens, "token")
        length = f"{rows} a row (assumed)" if found.tokens is None else f"{rows} a row, your median"
        words = f" and a vocabulary of {USUAL_VOCABULARY:,} (assumed)" if vocabulary_assumed(facts) else ""
        taken = f"{gigabytes(plain)} with {PLAIN.words} at {length}{words}"
        start = f"{what()} takes {taken}, and {memory_has(facts)}"
        steps = [(measures.words, found.bytes(facts, method, measures)) for measures in saving(facts)]
        for words, size in steps:
            if size <= USABLE * found.room:
                return f"{start}; it fits with {words}: {gigabytes(size)}."
        words, size = steps[-1]
        return f"{start}; even with {words} it takes {gigabytes(size)}."

    return spread(because, line.grade(plain / found.room), against)


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
    if facts.gpu_bytes:
        return f"{facts.device_name or 'the GPU'} has {size}"
    return f"main memory has {main_memory(facts)[0] / 1e9:,.4g} GB"


def _where(facts: Facts) -> str:
    """Name the memory, which may be main memory of unknown size."""
    if facts.gpu_bytes:
        return facts.memory_words
    main, known = main_memory(facts)
    if known:
        return f"the {main / 1e9:,.4g} GB of main memory"
    return f"the {gigabytes(main)} of main memory that a machine without a GPU may have"
