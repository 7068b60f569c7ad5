"""Strategies that rules speak of together, lightest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from advisor.rules.base import Effect, Effects, Weight, push
from advisor.rules.start import PRIOR

DEMONSTRATIONS = ("few_shot", "few_shot_retrieved", "many_shot")
"""A prompt with solved examples."""
PROMPTED = ("zero_shot", *DEMONSTRATIONS)
"""A prompt, and no training."""
FROZEN_ADAPTERS = ("prompt_tuning", "ia3", "lora", "dora")
"""A few new weights, trained on 16-bit weights that stay as they are."""
ADAPTERS = ("prompt_tuning", "ia3", "lora", "qlora", "dora")
"""A few new weights; the others stay as they are."""
PARTIAL = ("early_layers", "top_layers")
"""Some of the model's layers."""
ALL_WEIGHTS = ("full", "domain_alignment", "tapt", "dapt")
"""All of the model's weights."""
TUNED = (*ADAPTERS, *PARTIAL, *ALL_WEIGHTS)
"""A pretrained model whose answers are learned by gradient descent through its layers."""
FROM_PROMPT_TUNING = tuple(PRIOR)[tuple(PRIOR).index("prompt_tuning") :]
"""Everything as heavy as the lightest tuning or heavier. An effect that fades as rows grow takes them all alike, or
more rows could move the advice to a lighter strategy."""
UNTRAINED = ("no_model", "baseline", *PROMPTED)
"""Everything lighter than the lightest strategy that learns from the model's layers, for the same reason."""
TRANSFERS = (*PROMPTED, "retrieval", "linear_probe", "setfit", *ADAPTERS, *PARTIAL, "full", "distillation")
"""What the pretrained model knows is put to use as it is, or tuned a little."""


def each(names: Iterable[str], weight: Weight) -> dict[str, Weight]:
    """Give several strategies the same weight, for `push`.

    Examples
    --------
    >>> each(("lora", "full"), "+W")
    {'lora': '+W', 'full': '+W'}
    """
    return dict.fromkeys(names, weight)


def nats(**weights: Weight) -> dict[str, float]:
    """Look up the nats of weights once, for rules that push many strategies and are asked very often.

    Examples
    --------
    >>> nats(lora="+M", full="-W")
    {'lora': 0.9, 'full': -0.4}
    """
    return push("", 1.0, **weights)[0].weights


def spread(because: str | Callable[[], str], by: float, weights: dict[str, float]) -> Effects:
    """Do what `push` does, with weights that were looked up before; they are not copied where the grade is 1."""
    if by == 1.0:
        return (Effect(because, weights),)
    return () if by < 0.01 else (Effect(because, {strategy: by * weight for strategy, weight in weights.items()}),)
