"""Prompt tuning: a few learned vectors before the text, every weight frozen."""

from __future__ import annotations

from strategies.unprobed import Unprobed


class PromptTuning(Unprobed):
    """Soft prompts: vectors that stand before the embedded text are trained, and nothing else (Lester et al. 2021).

    Below a thousand rows it falls far behind LoRA (Hu et al. 2021, table 16), and it needs the largest learning rates
    and the most passes of all.
    """

    name = "prompt_tuning"
    not_probed = (
        "a soft prompt does not fit the classifiers of this version: it cannot be merged into weights that load "
        "elsewhere, and transformers' classification head finds the last token by input ids, which a soft prompt "
        "replaces by vectors. lora and ia3, measured here, train as few weights"
    )
