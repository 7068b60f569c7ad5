"""Prompt tuning: a few learned vectors before the text, every weight frozen."""

from __future__ import annotations

from strategies.unprobed import Unprobed


class PromptTuning(Unprobed):
    """Soft prompts: vectors that stand before the embedded text are trained, and nothing else (Lester et al. 2021).

    A prefix learned likewise was 26 points behind LoRA on 100 rows of MNLI, and 10 on 1,000 (Hu et al. 2021, table 16).
    """

    name = "prompt_tuning"
    not_probed = (
        "a soft prompt does not fit the classifiers of this version: it cannot be merged into weights that load "
        "elsewhere, and transformers' classification head finds the last token by input ids, which a soft prompt "
        "replaces by vectors. ia3, measured here, trains about as few weights"
    )
