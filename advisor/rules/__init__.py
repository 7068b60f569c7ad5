"""The rules, one file per family, in the order in which they are asked."""

from __future__ import annotations

from advisor.rules import domain, features, prompting, resources, start, tuning, volume
from advisor.rules.base import LOG_ODDS, Effect, Effects, Rule

RULES: tuple[Rule, ...] = (
    start.lightest_first,
    volume.under_100,
    volume.from_100_to_10000,
    volume.over_10000,
    volume.few_rows_per_class,
    volume.small_tuned_beats_prompting,
    volume.duplicates_shrink_volume,
    prompting.prompting_needs_causal_lm,
    prompting.demonstrations_fit_context,
    prompting.large_label_set_many_shot,
    prompting.peft_over_in_context,
    prompting.prompted_score,
    prompting.instruct_over_base,
    prompting.base_model_few_rows,
    prompting.many_requests_long_prompt,
    features.frozen_features,
    features.frozen_features_under_8,
    features.shift_linear_probe,
    tuning.encoder_under_1000,
    tuning.encoder_over_10000,
    tuning.encoder_under_5000,
    tuning.llm_lora_default,
    tuning.conflicting_labels,
    tuning.retention_keeps_weights,
    domain.unrelated_domain,
    domain.related_domain,
    domain.natural_language_transfers,
    domain.text_is_no_language,
    domain.language_not_in_model_card,
    domain.tokenizer_splits_words,
    domain.rows_longer_than_context,
    domain.changing_facts,
    resources.weights_fit_memory,
    resources.lora_fits_memory,
    resources.full_fits_memory,
    resources.full_leaves_little_memory,
    resources.limited_compute,
    resources.short_latency,
)

__all__ = ["LOG_ODDS", "RULES", "Effect", "Effects", "Rule", "rules_table"]


def rules_table() -> list[dict[str, object]]:
    """Return what there is to know about each rule, in the order in which they are asked.

    Returns
    -------
    list of dict
        For each rule `id`, `title`, `family`, `strength`, `source`, `strategies` and `docs`.

    Examples
    --------
    >>> rules_table()[0]["title"]
    'Start with the lightest strategy'
    """
    return [
        {
            "id": rule.id,
            "title": rule.title,
            "family": rule.family,
            "strength": rule.strength,
            "source": rule.source,
            "strategies": list(rule.touches),
            "docs": rule.docs,
        }
        for rule in RULES
    ]
