"""Prompts: whether the model can be prompted, what fits into a prompt, and how it fares against tuning."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, count, push, rule

MANY_CLASSES = 20
"""Classes from which a label set counts as large (our line)."""
LOW_VOLUME = 1_000
"""Requests per day up to which long prompts are cheap enough (our line)."""


@rule(
    id="prompting-needs-causal-lm",
    strength="S",
    source="by construction: without a head that predicts the next token, a prompt has no answer",
    touches=("zero_shot", "few_shot"),
)
def prompting_needs_causal_lm(facts: Facts) -> Effects | None:
    """Prompting takes a causal LM; an encoder, or a decoder without its head, cannot be prompted."""
    if facts.model is None or facts.causal:
        return None
    what = "has no language-model head" if facts.model.headless_decoder else "is an encoder"
    because = f"{facts.model.name} {what} ({facts.model.architecture}); prompting takes a causal LM."
    return push(because, zero_shot="block", few_shot="block")


@rule(
    id="demonstrations-fit-context",
    strength="S",
    source="arithmetic: demonstrations and the text asked about share the context",
    touches=("few_shot",),
)
def demonstrations_fit_context(facts: Facts) -> Effects | None:
    """Leave examples out of the prompt where not even one fits beside the text asked about."""
    if facts.model is None or not facts.causal or facts.profile.tokens is None:
        return None
    needed = 2 * facts.profile.tokens.p50
    if needed <= facts.model.context:
        return None
    because = (
        f"One example and one question of your median length take {needed:,} tokens; {facts.model.name} reads "
        f"{facts.model.context:,}."
    )
    return push(because, few_shot="block")


@rule(
    id="large-label-set-many-shot",
    strength="M",
    source="Bertsch et al. 2024 (abstract; classification with long contexts): large label sets gain from very many "
    "demonstrations (20 classes and 1,000 requests a day are our lines)",
    touches=("few_shot",),
)
def large_label_set_many_shot(facts: Facts) -> Effects | None:
    """With many classes, a long context and few requests, fill the prompt with examples.

    Applies where one example per class fits the context; beyond some 50 to 70 per class more examples add little.
    """
    tokens, requests = facts.profile.tokens, facts.brief.requests_per_day
    if facts.model is None or not facts.causal or tokens is None or facts.classes < MANY_CLASSES:
        return None
    needed = (facts.classes + 1) * tokens.p50
    if needed > facts.model.context or (requests is not None and requests > LOW_VOLUME):
        return None
    because = (
        f"One example for each of your {count(facts.classes, 'class')} takes about {needed:,} of the "
        f"{facts.model.context:,} tokens {facts.model.name} reads; large label sets gain from many examples, up to 60 "
        "per class."
    )
    return push(because, few_shot="+M")


@rule(
    id="peft-over-in-context",
    strength="M",
    source="Liu et al. 2022 (T-Few), table 9: 72.4 against 66.6 for GPT-3 175B in context, median of 41 examples, 8 "
    "wins, 1 tie, 2 losses on 11 tasks",
    touches=("lora",),
)
def peft_over_in_context(facts: Facts) -> Effects | None:
    """With 20 to 100 rows and an open instruction-tuned model, a light tuning may beat examples in the prompt.

    T-Few tunes another method (IA3) with a recipe made for few rows, so what carries over to LoRA is the direction.
    """
    if not (facts.instruct and 20 <= facts.train_rows <= 100):
        return None
    because = (
        f"{facts.model_name} is instruction-tuned and you have {count(facts.train_rows, 'training row')}; from 20 to "
        "100, parameter-efficient tuning beat GPT-3 in context on 8 of 11 tasks."
    )
    return push(because, lora="+M")


@rule(
    id="prompted-score-against-tuning",
    strength="M",
    source="LoRA Land (Predibase 2024), counted from its results: tuned Zephyr-7B beats GPT-4 on 18 of 21 tasks "
    "where GPT-4 scores under .85, on 4 of 10 where it scores .85 or more",
    touches=("lora", "full"),
)
def prompted_score(facts: Facts) -> Effects | None:
    """Where a strong prompted LLM scores .85 or more, tuning a small model seldom beats it; below, it mostly does."""
    score = facts.brief.prompted_score
    if score is None:
        return None
    if score >= 0.85:
        because = f"A prompted LLM already scores {score:.3g}; from .85, a tuned 7B model won on 4 of 10 tasks."
        return push(because, lora="-W", full="-W")
    because = f"A prompted LLM scores {score:.3g}; under .85, a tuned 7B model won on 18 of 21 tasks."
    return push(because, lora="+M", full="+M")


@rule(
    id="instruct-over-base",
    strength="W",
    source="common practice (instruction-tuned rather than base models)",
    touches=("zero_shot", "few_shot"),
)
def instruct_over_base(facts: Facts) -> Effects | None:
    """Prompt an instruction-tuned model rather than a base model, which only continues a text."""
    if not facts.causal:
        return None
    if facts.instruct:
        return push(f"{facts.model_name} is instruction-tuned, so it follows a prompt.", zero_shot="+W", few_shot="+W")
    because = f"{facts.model_name} is a base model; an instruction-tuned sibling would follow an instruction better."
    return push(because, zero_shot="-W")


@rule(
    id="base-model-few-rows",
    strength="W",
    source="common practice (instruction-tuned rather than base models; the 1,000 rows are our line)",
    touches=("lora", "full"),
)
def base_model_few_rows(facts: Facts) -> Effects | None:
    """Rather than tune a base LM on under 1,000 rows, take its instruction-tuned sibling."""
    if not facts.causal or facts.instruct or facts.train_rows >= 1_000:
        return None
    because = (
        f"{facts.model_name} is a base model without a chat template and you have "
        f"{count(facts.train_rows, 'training row')}, under 1,000; its instruction-tuned sibling would need less "
        "teaching."
    )
    return push(because, lora="-W", full="-W")


@rule(
    id="many-requests-long-prompt",
    strength="M",
    source="arithmetic: every request carries the demonstrations again (10,000 requests a day is our line)",
    touches=("few_shot",),
)
def many_requests_long_prompt(facts: Facts) -> Effects | None:
    """From 10,000 requests a day, the examples in a prompt cost more than a tuning that makes them needless."""
    requests = facts.brief.requests_per_day
    if requests is None or requests < 10_000 or not facts.causal:
        return None
    price = f"the examples are read again {requests:,} times a day"
    if facts.profile.tokens is not None:
        tokens = facts.classes * facts.profile.tokens.p50
        price = f"one example per class adds {tokens:,} tokens to each of {requests:,} requests a day"
    return push(f"In a few-shot prompt {price}.", few_shot="-M")
