"""Strategies that rules speak of together, lightest first."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.rules.base import Threshold, Weight
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
TRAINED = tuple(PRIOR)[tuple(PRIOR).index("prompt_tuning") :]
"""Everything as heavy as the lightest tuning or heavier. An effect that fades as rows grow takes them all alike, or
more rows could move the advice to a lighter strategy."""
LIGHT = ("prompt_tuning", "ia3")
"""A handful of new weights."""
LORAS = ("lora", "qlora", "dora")
"""Adapters that add small matrices to the layers."""
WHOLE = ("full", "distillation", "domain_alignment", "tapt", "dapt", "from_scratch")
"""All weights, at the latest in the last step."""
HEAVY = (*LORAS, *PARTIAL, *WHOLE)
"""Whatever moves many weights."""
UNTRAINED = ("no_model", "baseline", *PROMPTED)
"""Everything lighter than the lightest strategy that learns from the model's layers, for the same reason."""
TRANSFERS = (*PROMPTED, "retrieval", "linear_probe", "setfit", *ADAPTERS, *PARTIAL, "full", "distillation")
"""What the pretrained model knows is put to use as it is, or tuned a little."""

FEW_PER_CLASS = Threshold("class_rows", 5, 20, "training rows of the median class", "our line")
"""Rows of a class from which tuning is not mostly luck, to which it is not."""

WRITES = ("summarisation", "generation", "code")
"""Tasks whose answers are written."""
OPEN = ("extraction", "question-answering", *WRITES)
"""Tasks whose answers are not one of a few labels for a text."""


def each(names: Iterable[str], weight: Weight) -> dict[str, Weight]:
    """Give several strategies the same weight, for `push`.

    Examples
    --------
    >>> each(("lora", "full"), "+W")
    {'lora': '+W', 'full': '+W'}
    """
    return dict.fromkeys(names, weight)
