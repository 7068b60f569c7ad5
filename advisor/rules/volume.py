"""How much data there is: in all, and for each class.

More rows never speak for a lighter strategy: what an effect adds with rows, it adds to each strategy no less than to
any lighter one. So a strategy that does well with few rows keeps its weight, and heavier ones gain.
"""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, push, rule, spread, weights
from advisor.rules.classes import rows_of_a_class, typical_class
from advisor.rules.domain import reads_as_language
from advisor.rules.groups import FEW_PER_CLASS, HEAVY, LIGHT, LORAS, OPEN, PARTIAL, TRAINED, WHOLE, WRITES, each
from advisor.rules.start import PRIOR

IN_CONTEXT = Threshold("train_rows", 50, 200, "training rows", "common practice (100); the band is ours")
BREAK_EVEN = Threshold("train_rows", 50, 200, "training rows", "Pecher et al. 2025 (abstract): 100 labels; band ours")
BINARY_BREAK_EVEN = Threshold("train_rows", 150, 600, "training rows", "our line: three times that of more classes")
ALL_WEIGHTS = Threshold("train_rows", 5_000, 20_000, "training rows", "common practice (10,000); the band is ours")
FEW_ROWS = Threshold("train_rows", 10, 40, "training rows", "OpenAI fine-tuning guide: at least 10; the upper end ours")
EVERY_CLASS = Threshold("class_rows", 1, 2, "training rows of a class", "our line; under 1 by construction")
REPEATED = Threshold("duplicate_share", 0.05, 0.2, "of the rows", "our line")


_NO_ROWS = nats(**each(tuple(name for name in PRIOR if name not in ("no_model", "zero_shot", "retrieval")), "block"))
_NO_ROWS_BUT_TAUGHT = {name: nat for name, nat in _NO_ROWS.items() if name != "distillation"}
_LEARNERS = tuple(name for name in PRIOR if name != "no_model")
"""All that learns or is prompted: where a class has hardly a row and there is no prompt, all are held back alike."""
_NO_ROW_OF_A_CLASS = nats(**each(_LEARNERS, "block"))
_ONE_EACH = nats(**each(_LEARNERS, "-S"))
_IN_CONTEXT = nats(**each((*LORAS, *PARTIAL), "-W")) | nats(**each(WHOLE, "-M"))
_IN_CONTEXT_INSTRUCT = nats(**each(PARTIAL, "-W")) | nats(**each(WHOLE, "-M"))
_NOT_ALL = nats(**each(WHOLE, "-W"))
_ALL = nats(**each(WHOLE, "+W"))
_BLOCKED = nats(**each(TRAINED, "block"))
_BLOCKED_BUT_TAUGHT = {name: nat for name, nat in _BLOCKED.items() if name != "distillation"}
_TOO_FEW = nats(**each(TRAINED, "-M"))
_BEHIND = nats(**each(("linear_probe", "setfit"), "-W")) | nats(**each(LIGHT, "-M")) | nats(**each(HEAVY, "-S"))
_AHEAD = nats(**each(("linear_probe", "setfit"), "+W")) | nats(**each(LIGHT, "+M")) | nats(**each(HEAVY, "+S"))
_OVERTAKES = nats(**each(("linear_probe", "setfit", *TRAINED), "+M"))
"""What an encoder is trained to, all alike: none of it is compared with another here."""
_REPEATED = nats(**each(TRAINED, "-W"))


@rule(
    id="no-rows-no-learning",
    strength="S",
    source="by construction: what learns from labelled rows needs some",
    touches=tuple(_NO_ROWS),
    example={"rows": 0},
)
def no_rows(facts: Facts) -> Effects | None:
    """Without a labelled row there is nothing to learn from and nothing to show in a prompt.

    What is left is to ask a model that was trained for other things, with or without looking facts up; or, where there
    are unlabelled rows, to let it label them for a small one.

    What to do: label some twenty rows; they make examples for a prompt, and tell whether it works.
    """
    if facts.rows != 0:
        return None
    because = "You have 0 labelled rows, so nothing can be learned from them."
    return spread(because, 1.0, _NO_ROWS_BUT_TAUGHT if _taught(facts) else _NO_ROWS)


def _taught(facts: Facts) -> bool:
    """Whether a large model could label unlabelled rows for a small one, which then needs no labels of the user's."""
    return facts.model_kind == "causal" and bool(facts.unlabelled_rows)


@rule(
    id="way-out-of-no-model",
    strength="S",
    source="by construction: an encoder writes no text and cannot be prompted, and without rows nothing is learned",
    touches=("no_model",),
    example={"rows": 0, "model_kind": "encoder"},
)
def dead_end(facts: Facts) -> Effects | None:
    """Where every other strategy is ruled out, change what rules them out; no model at all is no advice then.

    An encoder writes no text and answers no prompt, so without rows, or for answers that are written, nothing can be
    done with it. That leaves doing without a model in first place, which says nothing for it.

    What to do: name a causal LM for answers that are written; label twenty rows, or name an instruction-tuned LM.
    """
    out = way_out(facts)
    return None if out is None else push(out, no_model="note")


def way_out(facts: Facts) -> str | None:
    """Say what to do where nothing can be done with this model on these rows; None where something can."""
    images = facts.task == "image-classification"
    encoder = facts.model_kind == "encoder"
    if encoder and facts.task in WRITES:
        return f"For {facts.task}, {facts.model_name} is of no use: the model writes no text; name a causal LM."
    rows = facts.train_rows
    if not (encoder or images) or rows is None:
        return None
    else_ = "" if images else ", or name an instruction-tuned LM"
    if facts.rows == 0:
        return f"Without rows nothing can be learned: label twenty rows{else_}."
    if facts.task in OPEN:
        if rows >= FEW_ROWS.low:
            return None
        return f"You have {count(rows, 'training row')}, under 10: label twenty rows{else_}."
    if facts.class_rows is None or facts.class_rows >= EVERY_CLASS.low:
        return None
    return f"{rows_of_a_class(facts)}: label rows of each class, twenty at least in all{else_}."


@rule(
    id="every-class-needs-a-row",
    strength="S",
    source="by construction: a class without a row cannot be learned; up to 2 rows our line",
    touches=tuple(_NO_ROW_OF_A_CLASS),
    thresholds=(EVERY_CLASS,),
    example={"rows": 15, "classes": 10, "model_kind": "encoder"},
)
def every_class(facts: Facts) -> Effects | None:
    """Label a row of every class first: a class without one cannot be learned, whatever the classifier.

    With one row of each class nothing tells what the class has in common; the reason fades until 2. Said of encoders
    and images only: a causal LM can be told the classes in words.

    What to do: label some rows of every class before anything is trained.
    """
    images = facts.task == "image-classification"
    if not images and not (facts.classification and facts.model_kind == "encoder"):
        return None
    rows = facts.class_rows
    if rows is None or facts.rows == 0 or rows >= EVERY_CLASS.high:
        return None

    def because() -> str:
        return f"{rows_of_a_class(facts)}; a class without one cannot be learned, and one of each tells little."

    blocked = rows < EVERY_CLASS.low
    return spread(
        because, 1.0 if blocked else 1 - EVERY_CLASS.grade(rows), _NO_ROW_OF_A_CLASS if blocked else _ONE_EACH
    )


@rule(
    id="rows-as-demonstrations",
    strength="M",
    source="Brown et al. 2020 (GPT-3, from memory): on average over its benchmarks, solved examples in the prompt beat "
    "an instruction alone",
    touches=("few_shot",),
    example={"rows": 30},
)
def demonstrations(facts: Facts) -> Effects | None:
    """Show a few of the rows in the prompt: examples beat an instruction alone.

    They show format and labels better than words do. This holds however many rows there are; with many, other
    strategies gain more from them.

    What to do: put one or a few rows of each class into the prompt, and measure more than one choice of them.
    """
    rows = facts.train_rows
    if not rows or facts.model_kind == "encoder":
        return None
    return push(lambda: f"Your {count(rows, 'training row')} can serve as examples in a prompt.", few_shot="+M")


@rule(
    id="volume-under-100-in-context",
    strength="M",
    source="common practice (under 100 rows: in context); Pecher et al. 2025 (abstract): break-even with prompting "
    "near 100 labels on average",
    touches=tuple(_IN_CONTEXT),
    thresholds=(IN_CONTEXT,),
    example={"rows": 60},
)
def under_100(facts: Facts) -> Effects | None:
    """Under about 100 training rows, leave the weights alone.

    So few rows teach a prompt much and weights little, and the more weights move the less they are taught. With an
    encoder, which cannot be prompted, frozen features take the place of the prompt. Adapters on a model that follows
    instructions are left out: with 20 to 70 rows they were ahead of examples in the prompt (T-Few).

    What to do: use the rows as examples in a prompt, or train a small classifier on frozen features.
    """
    rows = facts.train_rows
    if rows is None or rows >= IN_CONTEXT.high:
        return None
    return spread(
        lambda: (
            f"You have {count(rows, 'training row')}; under about 100 ({IN_CONTEXT.band}), leave the weights alone."
        ),
        1 - IN_CONTEXT.grade(rows),
        _IN_CONTEXT_INSTRUCT if facts.instruct else _IN_CONTEXT,
    )


@rule(
    id="volume-100-to-10000-peft",
    strength="W",
    source="common practice (100 to 10,000 rows: parameter-efficient tuning)",
    touches=WHOLE,
    thresholds=(ALL_WEIGHTS,),
    example={"rows": 2_000},
)
def up_to_10000(facts: Facts) -> Effects | None:
    """Up to about 10,000 training rows, tune a small part of the weights rather than all.

    Hundreds or thousands of rows are enough to learn from, but not to fit every weight safely. Silent on encoders that
    read texts: what was measured on them takes its place.

    What to do: prefer adapters to full fine-tuning until you have more rows.
    """
    rows = facts.train_rows
    if rows is None or rows >= ALL_WEIGHTS.high or facts.text_encoder:
        return None
    return spread(
        lambda: (
            f"You have {count(rows, 'training row')}; up to about 10,000 ({ALL_WEIGHTS.band}), tune a small part of "
            "the weights rather than all."
        ),
        1 - ALL_WEIGHTS.grade(rows),
        _NOT_ALL,
    )


@rule(
    id="volume-over-10000-full",
    strength="W",
    source="common practice (over 10,000 rows and the compute for it: full fine-tuning)",
    touches=WHOLE,
    thresholds=(ALL_WEIGHTS,),
    example={"rows": 40_000, "compute": "plenty"},
)
def over_10000(facts: Facts) -> Effects | None:
    """Over about 10,000 training rows, and with the compute for it, tune all the weights.

    Compute counts as enough where you say plenty, or say nothing and the model is small (up to 100 million parameters,
    less and less so up to 400 million; our line). Otherwise parameter-efficient tuning stays the better bet. Silent on
    encoders that read texts: what was measured on them takes its place.

    What to do: compare full fine-tuning with an adapter on a tenth of the rows before you pay for all of them.
    """
    rows = facts.train_rows
    if rows is None or rows <= ALL_WEIGHTS.low or facts.text_encoder:
        return None
    enough = facts.compute_grade
    if not enough:
        return None

    def because() -> str:
        said = (
            "plenty of compute"
            if facts.compute
            else f"a small model ({weights(facts.model_parameters or 0)} parameters)"
        )
        have = f"You have {count(rows, 'training row')} and {said}"
        return f"{have}; over about 10,000 ({ALL_WEIGHTS.band}), tune all weights."

    return spread(because, ALL_WEIGHTS.grade(rows) * enough, _ALL)


@rule(
    id="few-rows-per-class-no-tuning",
    strength="M",
    source="Banking77, 3 rows per class: prompted GPT-4 83.1 against 76.7 for SetFit; OpenAI fine-tuning guide: at "
    "least 10 examples",
    touches=tuple(_BLOCKED),
    thresholds=(FEW_ROWS, FEW_PER_CLASS),
    example={"rows": 40, "classes": 10},
)
def few_rows_per_class(facts: Facts) -> Effects | None:
    """Don't tune on under 10 rows, or under 5 of the median class.

    With so few rows the outcome is mostly luck of the draw, and with somewhat more it is still partly so: the reason
    fades until 40 rows, and 20 of the median class. Frozen features with a small classifier, or examples in a prompt,
    stay possible. The median is asked, so that one rare class among many does not block tuning.

    What to do: prompt, or train a small classifier on frozen features, and label more rows.
    """
    rows = facts.train_rows
    if rows is None:
        return None
    if rows < FEW_ROWS.low:
        return spread(
            lambda: f"You have {count(rows, 'training row')} in all, under 10: too few to tune weights on.",
            1.0,
            _BLOCKED_BUT_TAUGHT if _taught(facts) else _BLOCKED,
        )
    enough, many = FEW_ROWS.grade(rows), ""
    if facts.task not in OPEN:
        of_class = facts.class_rows
        if of_class is not None and of_class < FEW_PER_CLASS.low:
            return spread(
                lambda: f"{rows_of_a_class(facts)}, under 5: too few to tune weights on.",
                1.0,
                _BLOCKED_BUT_TAUGHT if _taught(facts) else _BLOCKED,
            )
        if of_class is not None:
            many = f", {count(of_class, 'row')} of {typical_class(facts)}"
            enough = min(enough, FEW_PER_CLASS.grade(of_class))
    if enough == 1:
        return None
    return spread(
        lambda: f"You have {count(rows, 'training row')}{many}: what tuning makes of so few is partly luck.",
        1 - enough,
        _TOO_FEW,
    )


@rule(
    id="small-tuned-beats-prompting",
    strength="S",
    source="Pecher et al. 2025 (abstract; 8 models on 8 classification tasks): break-even near 100 labels on "
    "average, binary tasks need far more (the 300 is our line)",
    touches=tuple(_AHEAD),
    thresholds=(BREAK_EVEN, BINARY_BREAK_EVEN, FEW_PER_CLASS),
    example={"rows": 1_000, "classes": 5},
)
def small_tuned_beats_prompting(facts: Facts) -> Effects | None:
    """From 100 labels, or 300 in a binary task, a small tuned model overtakes prompting.

    On average over tasks; once the spread between runs counts, the break-even moves up by 100 to 200 %. The tasks have
    few classes, so to be ahead takes 5 to 20 rows of each too. So training starts behind and ends ahead, what moves
    more weights more so. On a model that follows instructions adapters do not start behind: with 20 to 70 rows they
    were ahead of examples in the prompt (T-Few). An encoder is such a small model itself: the prompts it overtakes are
    those of other models, so all that is trained on it gains alike, as far as the rows are natural language in a domain
    that nobody called unrelated. While no model is named, a prompt is still open.

    What to do: below the line prompt first; above it train, and keep the prompt for comparison.
    """
    if not facts.classification:
        return None
    rows = facts.train_rows
    if rows is None:
        return None
    # Where the number of classes is not known, the later of the two bands is the safer one.
    line = BREAK_EVEN if facts.binary is False else BINARY_BREAK_EVEN
    ahead = line.grade(rows)
    of_class = facts.class_rows
    if of_class is not None and not facts.binary:
        ahead = min(ahead, 0.5 + 0.5 * FEW_PER_CLASS.grade(of_class))  # they take the lead away, and no more

    def because() -> str:
        classes = "" if facts.classes is None else f" for {count(facts.classes, 'class')}"
        where = line.band if facts.binary is not False else f"{line.band} and with 5 to 20 of each class"
        return f"You have {count(rows, 'training row')}{classes}; {where}, tuned models overtake prompted ones."

    if facts.encoder:
        ahead = ahead if of_class is None else min(ahead, FEW_PER_CLASS.grade(of_class))
        return spread(because, ahead * reads_as_language(facts), _OVERTAKES) if ahead else None
    if facts.instruct:
        # Adapters never start behind: they rise from nothing, where others rise from as far behind as they end ahead.
        start = _BEHIND | dict.fromkeys((*LIGHT, *LORAS), 0.0)
        risen = {name: start[name] + ahead * (end - start[name]) for name, end in _AHEAD.items()}
        return spread(because, 1.0, {name: weight for name, weight in risen.items() if weight})
    return spread(because, 1 - 2 * ahead, _BEHIND) if ahead < 0.5 else spread(because, 2 * ahead - 1, _AHEAD)


@rule(
    id="duplicates-shrink-volume",
    strength="W",
    source="common practice (repeated rows are no new evidence; the 10 % is our line)",
    touches=TRAINED,
    thresholds=(REPEATED,),
    example={"rows": 2_000, "duplicate_share": 0.2},
)
def duplicates_shrink_volume(facts: Facts) -> Effects | None:
    """Many repeated rows mean less data than the count says.

    A text that stands twice is learned by heart sooner, and the more weights are tuned the sooner.

    What to do: drop the repeats, and see that none stands in both train and test.
    """
    share = facts.duplicate_share
    if share is None or share <= REPEATED.low:
        return None

    def because() -> str:
        of = f"{share:.0%} of your rows" if not facts.rows else f"{share:.0%} of your {count(facts.rows, 'row')}"
        return f"Repeats of an earlier text make up {of}, so there is less to learn from than the count says."

    return spread(because, REPEATED.grade(share), _REPEATED)


RULES = (
    no_rows,
    dead_end,
    every_class,
    demonstrations,
    under_100,
    up_to_10000,
    over_10000,
    few_rows_per_class,
    small_tuned_beats_prompting,
    duplicates_shrink_volume,
)
