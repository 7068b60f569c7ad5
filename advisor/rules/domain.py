"""Domain and language: whether what the model knows has to do with the task at all."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, count, push, rule

TRANSFER = ("zero_shot", "few_shot", "linear_probe", "lora", "full")


@rule(
    id="unrelated-domain-no-transfer",
    strength="M",
    source="common practice (no transfer between unrelated domains); Gururangan et al. 2020, table 3: pretraining on "
    "an irrelevant domain is worse than none on 5 of 8 tasks",
    touches=("baseline", *TRANSFER),
)
def unrelated_domain(facts: Facts) -> Effects | None:
    """Between unrelated domains nothing transfers: expect the baseline to win."""
    if facts.brief.domain_related is not False:
        return None
    because = (
        f"Your brief says the domain is unrelated to what {facts.model_name} was pretrained on; let your "
        f"{count(facts.train_rows, 'training row')} speak through a model that transfers nothing."
    )
    return push(because, baseline="+M", zero_shot="-M", few_shot="-M", linear_probe="-M", lora="-M", full="-M")


@rule(
    id="related-domain-transfers",
    strength="W",
    source="common practice (transfer between related domains)",
    touches=("baseline", "linear_probe", "lora"),
)
def related_domain(facts: Facts) -> Effects | None:
    """In a related domain the pretrained features are worth keeping."""
    if not facts.brief.domain_related:
        return None
    because = f"Your brief says the domain is related to what {facts.model_name} was pretrained on."
    return push(because, baseline="-W", linear_probe="+W", lora="+W")


@rule(
    id="natural-language-transfers",
    strength="M",
    source="Howard & Ruder 2018 (ULMFiT, abstract, from memory): 100 labels with pretraining match 100 times as many "
    "without",
    touches=("baseline",),
)
def natural_language_transfers(facts: Facts) -> Effects | None:
    """On natural language a pretrained model beats counting words.

    Applies to rows recognised as one language that the model card does not rule out, with words the tokenizer knows.
    """
    if facts.brief.domain_related is False or facts.language_known is False:
        return None
    if not facts.is_language or facts.splits_words:
        return None
    profile = facts.profile
    because = (
        f"{profile.language_share:.0%} of your rows read as natural language ({profile.language}); pretraining "
        "usually pays off there."
    )
    return push(because, baseline="-M")


@rule(
    id="text-is-no-language",
    strength="M",
    source="common practice (no transfer between unrelated domains)",
    touches=("baseline", *TRANSFER),
)
def text_is_no_language(facts: Facts) -> Effects | None:
    """Rows that are no natural language (moves, sequences, logs) have little to do with what a text model knows."""
    if facts.is_language:
        return None
    profile = facts.profile
    seen = (
        "no language was recognised"
        if profile.language in {"und", "zxx"}
        else f"only {profile.language_share:.0%} read as one language ({profile.language})"
    )
    because = f"In your {count(profile.rows, 'row')} {seen}; what the model learned from text may not carry over."
    return push(because, baseline="+M", zero_shot="-M", few_shot="-M", linear_probe="-M", lora="-W", full="-W")


@rule(
    id="language-not-in-model-card",
    strength="M",
    source="common practice (a model knows the languages it was pretrained on)",
    touches=("baseline", *TRANSFER),
)
def language_not_in_model_card(facts: Facts) -> Effects | None:
    """Distrust a model whose card does not name the language of the rows."""
    if facts.model is None or facts.language_known is not False:
        return None
    profile = facts.profile
    because = (
        f"{profile.language_share:.0%} of your rows read as '{profile.language}', {profile.non_latin:.0%} of the "
        f"letters are not Latin; the card of {facts.model.name} names {', '.join(facts.model.language)}."
    )
    return push(because, baseline="+M", zero_shot="-M", few_shot="-M", linear_probe="-M", lora="-W", full="-W")


@rule(
    id="tokenizer-splits-words",
    strength="W",
    source="common practice (tokens per word over 1.5 times the usual 1.3; both figures are rough)",
    touches=("baseline", "zero_shot", "few_shot", "linear_probe"),
)
def tokenizer_splits_words(facts: Facts) -> Effects | None:
    """Read many tokens per word as a sign that the model seldom saw such words.

    A cheap sign of distance. Tuning can learn the pieces; prompts and frozen features cannot.
    """
    if not facts.splits_words:
        return None
    because = (
        f"The tokenizer makes {facts.profile.fertility:.1f} tokens of one of your words, against about 1.3 for "
        "ordinary English text; such words were rare in pretraining."
    )
    return push(because, baseline="+W", zero_shot="-W", few_shot="-W", linear_probe="-W")


@rule(
    id="rows-longer-than-context",
    strength="W",
    source="arithmetic: what lies beyond the context is not read (the tenth of the rows is our line)",
    touches=("baseline", "linear_probe", "lora", "full"),
)
def rows_longer_than_context(facts: Facts) -> Effects | None:
    """Where a tenth of the rows is cut off, a model that reads them whole has an advantage."""
    share = facts.truncated_share
    if share is None or share < 0.1:
        return None
    because = (
        f"{facts.profile.truncated:,} of your {count(facts.profile.rows, 'row')} ({share:.0%}) are longer than the "
        f"{facts.profile.context:,} tokens {facts.model_name} reads."
        if facts.profile.context is not None
        else f"{share:.0%} of your rows are longer than {facts.model_name} reads."
    )
    return push(because, baseline="+W", linear_probe="-W", lora="-W", full="-W")


@rule(
    id="changing-facts-retrieval",
    strength="S",
    source="Azure OpenAI guidance on fine-tuning (retrieval for knowledge outside the model); Ovadia et al. 2024, "
    "Gekhman et al. 2024 (from memory): tuning teaches new facts poorly",
    touches=("baseline", "few_shot", "linear_probe", "lora", "full"),
)
def changing_facts(facts: Facts) -> Effects | None:
    """For new or changing facts, look them up; don't tune them in.

    Facts belong into the prompt, by retrieval, where they can be replaced. Retrieval itself is not among the strategies
    of this version. In classification the labels may still be learned by tuning, so this is no block; whatever is
    trained, be it a small classifier, goes stale.
    """
    if not facts.brief.facts_change:
        return None
    because = (
        f"Your brief says right answers need new or changing facts; {count(facts.train_rows, 'training row')} go "
        "stale in the weights, retrieved text in a prompt can be replaced."
    )
    return push(because, baseline="-W", few_shot="+M", linear_probe="-W", lora="-S", full="-S")
