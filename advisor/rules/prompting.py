"""Prompts: whether the model can be prompted, what fits into a prompt, and how it fares against tuning."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, push, rule, spread
from advisor.rules.groups import DEMONSTRATIONS, FEW_PER_CLASS, PROMPTED, TRAINED, TUNED, UNTRAINED, each

ROOM = Threshold("context", 2, 16, "demonstrations that fit the context", "our line: a few is few-shot, 16 are many")
LARGE_LABEL_SET = Threshold("classes", 10, 40, "classes", "our line")
LOW_VOLUME = Threshold(
    "requests_per_month", 9_000, 90_000, "requests a month", "our line: long prompts are paid each time"
)
ENOUGH_TO_TUNE = Threshold("train_rows", 10, 40, "training rows", "Liu et al. 2022: 41 rows in the median; our band")
GOOD_PROMPT = Threshold("prompted_score", 0.77, 0.93, "prompted score", "LoRA Land's line of .85; the band is ours")
AT_TARGET = Threshold("prompted_score", 0.98, 1.02, "of the target", "our line: two points on either side")
FEW_FOR_BASE = Threshold("train_rows", 300, 3_000, "training rows", "our line")

_NO_PROMPTS = nats(**each((*PROMPTED, "retrieval"), "block"))
_TRAINED = ("setfit", *TUNED, "distillation", "from_scratch")
_TUNE = nats(**each(("setfit", *TUNED), "+M"))
_PROMPT_WILL_DO = nats(**each(PROMPTED, "+M"), **each(_TRAINED, "-S"))
_PROMPT_DOES = nats(**each(PROMPTED, "+S"), **each(_TRAINED, "-S"))
_TUNED_BEATS_PROMPTED = nats(**each(UNTRAINED, "-M"), **each(TRAINED, "+M"))
_BASE_IS_HARD = nats(**each(TRAINED, "-W"))


@rule(
    id="prompting-needs-causal-lm",
    strength="S",
    source="by construction: without a head that predicts the next token, a prompt has no answer",
    touches=(*PROMPTED, "retrieval"),
    example={"model_kind": "encoder"},
)
def prompting_needs_causal_lm(facts: Facts) -> Effects | None:
    """Prompting takes a causal LM; an encoder, or a decoder without its head, cannot be prompted.

    An answer to a prompt is its continuation. A model that reads a text whole, or whose head was cut off, has none.

    What to do: name an instruction-tuned causal LM as a second candidate, if prompting is worth a try.
    """
    if facts.model_kind is None or (facts.model_kind == "causal" and not facts.headless_decoder):
        return None

    def because() -> str:
        what = "has no language-model head" if facts.headless_decoder else "is an encoder"
        kind = f" ({facts.architecture})" if facts.architecture else ""
        return f"Prompting takes a causal LM; {facts.model_name} {what}{kind}."

    return spread(because, 1.0, _NO_PROMPTS)


@rule(
    id="demonstrations-fit-context",
    strength="S",
    source="arithmetic: demonstrations and the text asked about share the context",
    touches=DEMONSTRATIONS,
    thresholds=(ROOM,),
    example={"model_kind": "causal", "context": 1_024, "input_tokens": 600},
)
def demonstrations_fit_context(facts: Facts) -> Effects | None:
    """Leave examples out of the prompt where not even one fits beside the text asked about.

    Where one fits, so does few-shot prompting; many-shot prompting needs room for many, so it is held back by degrees
    until 16 fit.

    What to do: prompt without examples, shorten the texts, or take a model with a longer context.
    """
    if facts.model_kind != "causal" or facts.context is None or facts.input_tokens is None:
        return None
    fit = facts.context / facts.input_tokens - 1
    if fit < 1:
        return push(
            lambda: (
                f"One example and one question of your median length take {2 * (facts.input_tokens or 0):,} tokens; "
                f"{facts.model_name} reads {facts.context or 0:,}."
            ),
            1.0,
            **each(DEMONSTRATIONS, "block"),
        )
    return push(
        lambda: (
            f"Beside the text asked about, {count(int(fit), 'example')} of your median length fit the "
            f"{facts.context:,} tokens that {facts.model_name} reads; many-shot prompting needs {ROOM.high:g}."
        ),
        1 - ROOM.grade(fit),
        many_shot="-S",
    )


@rule(
    id="large-label-set-many-shot",
    strength="M",
    source="Bertsch et al. 2024 (abstract; classification with long contexts): large label sets gain from very many "
    "demonstrations; the lines are ours",
    touches=DEMONSTRATIONS,
    thresholds=(LARGE_LABEL_SET, LOW_VOLUME),
    example={
        "model_kind": "causal", "classes": 77, "requests_per_month": 3_000, "context": 32_768, "input_tokens": 20,
    },
)  # fmt: skip
def large_label_set_many_shot(facts: Facts) -> Effects | None:
    """With many classes, a long context and few requests, fill the prompt with examples.

    A few examples cannot show a large label set, so these take the place of plain few-shot prompting: either all the
    prompt can hold are shown, or those most like the text asked about are looked up. Holds where one example per class
    fits the context; the more requests there are, the more of a burden the long prompt is.

    What to do: try 1, 5 and 20 examples per class, and stop at some 50 to 70; more add little.
    """
    if facts.model_kind != "causal" or not facts.classification or facts.classes is None:
        return None
    large = LARGE_LABEL_SET.grade(facts.classes)
    if not large or facts.input_tokens is None or facts.context is None:
        return None
    needed = (facts.classes + 1) * facts.input_tokens
    if needed > facts.context or facts.requests_per_month is None:
        return None
    seldom = 1 - LOW_VOLUME.grade(facts.requests_per_month)
    return push(
        lambda: (
            f"One example for each of your {count(facts.classes or 0, 'class')} takes about {needed:,} of the "
            f"{facts.context:,} tokens {facts.model_name} reads, {_times(facts.requests_per_month)} a month; large "
            "label sets gain from many examples, up to 60 per class."
        ),
        large * seldom,
        few_shot="-M",
        few_shot_retrieved="+M",
        many_shot="+M",
    )


def _times(number: float | None) -> str:
    """Say how often."""
    return "once" if number == 1 else count(number or 0, "time")


@rule(
    id="peft-over-in-context",
    strength="M",
    source="Liu et al. 2022 (T-Few), table 9: 72.4 against 66.6 for GPT-3 175B in context, median of 41 examples, 8 "
    "wins, 1 tie, 2 losses on 11 tasks; on RAFT with 50 examples 75.8, people 73.5, SetFit 66.9, GPT-3 62.7 (word "
    "counts with AdaBoost 51.4, from memory)",
    touches=tuple(_TUNED_BEATS_PROMPTED),
    thresholds=(ENOUGH_TO_TUNE, FEW_PER_CLASS),
    example={"model_kind": "causal", "instruction_tuned": True, "rows": 60},
)
def peft_over_in_context(facts: Facts) -> Effects | None:
    """From some 20 rows on, lightly tuning an open instruction-tuned model beats what is not trained.

    T-Few tunes by IA3 with a recipe made for few rows, so what carries over is the direction: the examples' gain in a
    prompt is made up for, and training the model is ahead of what reads it as it is. It does not say which training is
    best, and goes on to hold with more rows. Its tasks have few classes, so 5 to 20 rows of each are asked for too.
    Where a prompt has a score already, that score speaks instead.

    What to do: tune adapters on these rows, and keep the prompted model for comparison.
    """
    if facts.model_kind != "causal" or not facts.classification or not facts.instruction_tuned:
        return None
    rows = facts.train_rows
    if rows is None or rows <= ENOUGH_TO_TUNE.low or facts.prompted_score is not None:
        return None
    of_class = facts.class_rows
    return spread(
        lambda: (
            f"You have {count(rows, 'training row')} and {facts.model_name} is instruction-tuned; T-Few, with a "
            "median of 41 examples, beat GPT-3 in context on 8 of 11 tasks."
        ),
        min(ENOUGH_TO_TUNE.grade(rows), 1.0 if of_class is None else FEW_PER_CLASS.grade(of_class)),
        _TUNED_BEATS_PROMPTED,
    )


@rule(
    id="prompted-score-against-tuning",
    strength="S",
    source="LoRA Land (Predibase 2024), counted from its results: tuned Zephyr-7B beats GPT-4 on 18 of 21 tasks "
    "where GPT-4 scores under .85, on 4 of 10 where it scores .85 or more; strong as a count over 31 tasks that agrees "
    "with what is left to gain",
    touches=(*PROMPTED, *_TRAINED),
    thresholds=(GOOD_PROMPT,),
    example={"prompted_score": 0.6},
)
def prompted_score(facts: Facts) -> Effects | None:
    """Where a strong prompted LLM scores .85 or more, tuning a small model seldom beats it; below, it mostly does.

    The better a prompt already is, the less there is left to teach, and it is there already: what a tuning must add to
    pay for itself is more than is left. Around .85 both hold in part.

    What to do: measure a strong prompted LLM on your own rows before tuning anything; where it scores high, keep it.
    """
    score = facts.prompted_score
    if score is None:
        return None
    good = GOOD_PROMPT.grade(score)
    below = spread(
        lambda: f"A prompted LLM scores {score:.3g}; under .85, a tuned 7B model won on 18 of 21 tasks.",
        1 - good,
        _TUNE,
    )
    if not good:
        return below
    return below + spread(
        lambda: f"A prompted LLM already scores {score:.3g}; from .85, a tuned 7B model won on 4 of 10 tasks.",
        good,
        _PROMPT_WILL_DO,
    )


@rule(
    id="prompt-reaches-target",
    strength="S",
    source="by construction: what reaches the target needs no training; the band is our line",
    touches=(*PROMPTED, *_TRAINED),
    thresholds=(AT_TARGET,),
    example={"prompted_score": 0.9, "target": 0.85},
)
def prompt_reaches_target(facts: Facts) -> Effects | None:
    """Where a prompt already reaches your target, there is nothing to train for.

    The target says what is good enough, and training costs rows, hours and upkeep. A score within two points of it may
    lie on either side, so the reason grows over that band.

    What to do: check the score on rows the prompt was not written with, and train only if it falls short there.
    """
    score, target = facts.prompted_score, facts.target
    if score is None or not target or score <= AT_TARGET.low * target:
        return None
    return spread(
        lambda: (
            f"A prompt {'already reaches' if score >= target else 'comes near'} your target of {target:g}: it scores "
            f"{score:.3g}."
        ),
        AT_TARGET.grade(score / target),
        _PROMPT_DOES,
    )


@rule(
    id="measure-a-prompt-first",
    strength="M",
    source="OpenAI and Azure OpenAI guidance on fine-tuning: a prompted baseline first",
    touches=("zero_shot", "few_shot"),
    example={"model_kind": "causal"},
)
def measure_a_prompt_first(facts: Facts) -> Effects | None:
    """Before tuning, measure a prompt without and with examples.

    Tuning is worth what it adds to a prompt, and nobody knows that before the prompt has a score. It takes an hour.

    What to do: give the model your instructions with no, three and ten examples, on twenty rows or more, and pass the
    best score as prompted_score.
    """
    if facts.model_kind != "causal" or facts.prompted_score is not None:
        return None
    return push(
        lambda: (
            f"No prompt has a score yet; try {facts.model_name} with 0, 3 and 10 examples on 20 rows or more first."
        ),
        zero_shot="note",
        few_shot="note",
    )


@rule(
    id="instruct-over-base",
    strength="W",
    source="common practice (instruction-tuned rather than base models)",
    touches=(*PROMPTED, "retrieval"),
    example={"model_kind": "causal", "instruction_tuned": True},
)
def instruct_over_base(facts: Facts) -> Effects | None:
    """Prompt an instruction-tuned model rather than a base model, which only continues a text.

    A base model takes an instruction for the opening of a text; examples help it to see the pattern, an instruction
    alone hardly does.

    What to do: take the instruction-tuned sibling of a base model.
    """
    if facts.model_kind != "causal" or facts.instruction_tuned is None:
        return None
    if facts.instruction_tuned:
        return push(
            lambda: f"As an instruction-tuned model, {facts.model_name} follows a prompt.",
            1.0,
            **each((*PROMPTED, "retrieval"), "+W"),
        )
    return push(
        lambda: (
            f"As a base model, {facts.model_name} continues texts; an instruction-tuned sibling would follow an "
            "instruction better."
        ),
        zero_shot="-W",
        retrieval="-W",
    )


@rule(
    id="base-model-few-rows",
    strength="W",
    source="common practice (instruction-tuned rather than base models; the band around 1,000 rows is our line)",
    touches=TRAINED,
    thresholds=(FEW_FOR_BASE,),
    example={"model_kind": "causal", "instruction_tuned": False, "rows": 200},
)
def base_model_few_rows(facts: Facts) -> Effects | None:
    """Rather than tune a base LM on under 1,000 rows, take its instruction-tuned sibling.

    What instruction tuning has taught already, your rows need not teach. With thousands of rows it no longer matters.

    What to do: name the instruction-tuned sibling as the candidate.
    """
    if facts.model_kind != "causal" or facts.instruction_tuned is not False:
        return None
    rows = facts.train_rows
    if rows is None or rows >= FEW_FOR_BASE.high:
        return None
    return spread(
        lambda: (
            f"With {count(rows, 'training row')}, well under {FEW_FOR_BASE.high:,}, a base model such as "
            f"{facts.model_name} has more to learn than its instruction-tuned sibling."
        ),
        1 - FEW_FOR_BASE.grade(rows),
        _BASE_IS_HARD,
    )


RULES = (
    prompting_needs_causal_lm,
    demonstrations_fit_context,
    large_label_set_many_shot,
    peft_over_in_context,
    prompted_score,
    prompt_reaches_target,
    measure_a_prompt_first,
    instruct_over_base,
    base_model_few_rows,
)
