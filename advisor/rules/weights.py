"""Strategies that rules on rows speak of together, lightest first, and what they are given."""

from __future__ import annotations

from collections.abc import Callable

from advisor.rules.base import Effect, Effects, Weight, push

LIGHT = ("prompt_tuning", "ia3")
"""A handful of new weights."""
ADAPTERS = ("lora", "qlora", "dora")
"""Adapters that add small matrices to the layers."""
PARTS = ("early_layers", "top_layers")
"""A part of the weights."""
WHOLE = ("full", "distillation", "domain_alignment", "tapt", "dapt", "from_scratch")
"""All weights, at the latest in the last step."""
TUNED = (*ADAPTERS, *PARTS, *WHOLE)
"""Whatever moves many weights."""
WRITES = ("summarisation", "generation", "code")
"""Tasks whose answers are written."""
OPEN = ("extraction", "question-answering", *WRITES)
"""Tasks whose answers are not one of a few labels for a text."""
TRAINED = (*LIGHT, *TUNED)
"""Whatever is trained by gradient descent through the layers, SetFit apart."""


def each(names: tuple[str, ...], weight: Weight) -> dict[str, float]:
    """Give several strategies the same weight, in nats.

    Examples
    --------
    >>> each(("lora", "full"), "+M")
    {'lora': 0.9, 'full': 0.9}
    """
    return push("", **dict.fromkeys(names, weight))[0].weights  # type: ignore[arg-type]


def give(because: str | Callable[[], str], by: float, weights: dict[str, float]) -> Effects:
    """Give strategies their effects for one reason, as `push` does, from weights made beforehand, which is faster.

    Examples
    --------
    >>> give("…", 0.5, each(("lora", "full"), "-M"))[0].weights
    {'lora': -0.45, 'full': -0.45}
    """
    if by < 0.01:
        return ()
    return (Effect(because, weights if by == 1 else {name: by * weight for name, weight in weights.items()}),)
