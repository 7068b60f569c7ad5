"""How much data there is: in all, and for each class."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, count, push, rule


@rule(
    id="volume-under-100-in-context",
    strength="M",
    source="common practice (under 100 rows: in context); Pecher et al. 2025 (abstract): break-even with prompting "
    "near 100 labels on average",
    touches=("zero_shot", "few_shot", "linear_probe", "lora", "full"),
)
def under_100(facts: Facts) -> Effects | None:
    """Under 100 training rows, use them as examples in the prompt.

    So few rows teach a prompt much and weights little. With an encoder, which cannot be prompted, frozen features take
    the place of the prompt, since they too leave the weights alone.
    """
    if facts.train_rows >= 100:
        return None
    because = f"You have {count(facts.train_rows, 'training row')}; under 100, leave the weights alone."
    return push(because, zero_shot="+W", few_shot="+M", linear_probe="+W", lora="-W", full="-M")


@rule(
    id="volume-100-to-10000-peft",
    strength="W",
    source="common practice (100 to 10,000 rows: parameter-efficient tuning)",
    touches=("lora", "full"),
)
def from_100_to_10000(facts: Facts) -> Effects | None:
    """Between 100 and 10,000 training rows, tune a small part of the weights.

    Enough to learn from, not enough to fit every weight safely.
    """
    if not 100 <= facts.train_rows <= 10_000:
        return None
    because = f"You have {count(facts.train_rows, 'training row')}; from 100 to 10,000, parameter-efficient tuning."
    return push(because, lora="+W", full="-W")


@rule(
    id="volume-over-10000-full",
    strength="W",
    source="common practice (over 10,000 rows and the compute for it: full fine-tuning)",
    touches=("lora", "full"),
)
def over_10000(facts: Facts) -> Effects | None:
    """Over 10,000 training rows, and with the compute for it, tune all the weights.

    Compute counts as enough where the brief says plenty, or says nothing and the model is small (up to 150 million
    parameters, our line). Otherwise parameter-efficient tuning stays the better bet.
    """
    if facts.train_rows <= 10_000:
        return None
    rows = count(facts.train_rows, "training row")
    if facts.enough_compute:
        said = "plenty of compute" if facts.brief.compute else f"a small model ({facts.parameters:,} parameters)"
        return push(f"You have {rows} and {said}; over 10,000, tune all weights.", full="+W")
    said = "compute is limited" if facts.brief.compute else "your brief does not say that compute is plenty"
    return push(f"You have {rows}, enough to tune all weights, but {said}.", lora="+W")


@rule(
    id="few-rows-per-class-no-tuning",
    strength="M",
    source="Banking77, 3 rows per class: prompted GPT-4 83.1 against 76.7 for SetFit; OpenAI fine-tuning guide: at "
    "least 10 examples",
    touches=("few_shot", "lora", "full"),
)
def few_rows_per_class(facts: Facts) -> Effects | None:
    """Don't tune on under 10 rows, or under 5 of the median class.

    With so few rows the outcome is mostly luck of the draw. Frozen features with a small classifier, or examples in a
    prompt, stay possible. The median is asked, so that one rare class among many does not block tuning.
    """
    if facts.train_rows < 10:
        have = f"You have {count(facts.train_rows, 'training row')} in all, under 10"
    elif facts.rows_per_class < 5:
        have = (
            f"The median of your {facts.classes:,} classes has {count(facts.rows_per_class, 'training row')}, under 5"
        )
    else:
        return None
    return push(f"{have}: too few to tune weights on.", few_shot="+M", lora="block", full="block")


@rule(
    id="small-tuned-beats-prompting",
    strength="S",
    source="Pecher et al. 2025 (abstract; 8 models on 8 classification tasks): break-even near 100 labels on "
    "average, binary tasks need far more (the 300 is our line)",
    touches=("zero_shot", "few_shot", "lora", "full"),
)
def small_tuned_beats_prompting(facts: Facts) -> Effects | None:
    """From 100 labels, or 300 in a binary task, a small tuned model overtakes prompting.

    On average over tasks; once the spread between runs counts, the break-even moves up by 100 to 200 %, which the
    probes see and this rule does not.
    """
    line = 300 if facts.binary else 100
    if facts.train_rows < line:
        return None
    because = (
        f"You have {count(facts.train_rows, 'training row')} for {count(facts.classes, 'class')}; from about {line}, "
        "small tuned models overtake prompted ones."
    )
    return push(because, zero_shot="-S", few_shot="-S", lora="+W", full="+W")


@rule(
    id="duplicates-shrink-volume",
    strength="W",
    source="common practice (repeated rows are no new evidence; the 10 % is our line)",
    touches=("lora", "full"),
)
def duplicates_shrink_volume(facts: Facts) -> Effects | None:
    """Many repeated rows mean less data than the count says.

    A text that stands twice is learned by heart sooner, and the more weights are tuned the sooner.
    """
    if facts.duplicate_share < 0.1:
        return None
    because = (
        f"{facts.profile.duplicates.normalised:,} of your {count(facts.profile.rows, 'row')} "
        f"({facts.duplicate_share:.0%}) repeat an earlier text, so there is less to learn from than the count says."
    )
    return push(because, lora="-W", full="-W")
