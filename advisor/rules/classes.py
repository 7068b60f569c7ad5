"""Strategies that rules on rows speak of together, lightest first, and what they are given."""

from __future__ import annotations

from collections.abc import Callable

from advisor.facts import Facts
from advisor.rules.base import Effect, Effects, Weight, count, push

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


def typical_class(facts: Facts) -> str:
    """Name the class whose rows are counted: nothing but the average is known where nobody looked at the rows.

    Examples
    --------
    >>> typical_class(Facts(rows=100, classes=4))
    'the average class'
    """
    return "the average class" if facts.median_class_share is None else "the median class"


def rows_of_a_class(facts: Facts) -> str:
    """Open a sentence with the training rows of the median class, or of an average one where no median is known.

    Examples
    --------
    >>> rows_of_a_class(Facts(rows=3_000, classes=40))
    'On average your 40 classes have 52 training rows'
    >>> rows_of_a_class(Facts(rows=3_000, classes=40, median_class_share=0.5))
    'The median of your 40 classes has 26 training rows'
    """
    classes, rows = facts.classes or 0, count(facts.class_rows or 0, "training row")
    if facts.median_class_share is not None:
        return f"The median of your {count(classes, 'class')} has {rows}"
    return f"Your one class has {rows}" if classes == 1 else f"On average your {count(classes, 'class')} have {rows}"
