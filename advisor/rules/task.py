"""Kind of task: which strategies can answer it at all, and what its answers have to do with tuning."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, rule, spread
from advisor.rules.groups import HEAVY, LIGHT, OPEN, PARTIAL, TRAINED, WRITES, each
from advisor.rules.start import PRIOR

OPEN_ANSWERS = Threshold(
    "train_rows", 20, 500, "training rows", "Google's tuning guide: 20 at least, 100 to 500 better (vendor's figures)"
)
WRITTEN = Threshold("train_rows", 500, 5_000, "training rows", "our line: LoRA Land's tasks have thousands of rows")
FIXED_FORMAT = Threshold("train_rows", 1_000, 5_000, "training rows", "our line (5,000)")

_NO_LABELS = nats(**each(("baseline", "linear_probe", "setfit"), "block"))
_CANNOT_WRITE = nats(**each(TRAINED, "block"))
_OPEN_BEHIND = nats(**each(LIGHT, "-W")) | nats(**each(HEAVY, "-M"))
_OPEN_AHEAD = nats(**each(LIGHT, "+W")) | nats(**each(HEAVY, "+M"))
_TUNE = nats(**each(HEAVY, "+S"))
_WRITE_TUNED = nats(**each(HEAVY, "+M"))
_FOR_IMAGES = ("linear_probe", *PARTIAL, "full", "distillation", "from_scratch")
_NOT_FOR_IMAGES = nats(**each(tuple(name for name in PRIOR if name not in ("no_model", *_FOR_IMAGES)), "block"))


@rule(
    id="open-answers-need-a-generator",
    strength="S",
    source="by construction: a classifier chooses among labels it has seen, an open answer is none of them",
    touches=tuple(_NO_LABELS | _CANNOT_WRITE),
    example={"task": "summarisation"},
)
def open_answers_need_a_generator(facts: Facts) -> Effects | None:
    """Answers that are written or cut out of the text are not labels, so no classifier of whole texts gives them.

    That rules out counting words, frozen features with a classifier of texts, and SetFit. Extraction by labelling each
    token would be a classifier again, but of tokens, which is none of these. An encoder can be tuned to mark what to
    extract or which span answers a question; it cannot write.

    What to do: take a causal LM for answers that are written; for extraction an encoder that labels tokens will do.
    """
    if facts.task not in OPEN:
        return None
    if facts.task == "extraction":
        because = "Your task is extraction: it takes labels of tokens, not one label for a text."
    else:
        because = f"Your task is {facts.task}: its answers are open, and a classifier has none but its labels."
    blocked = spread(because, 1.0, _NO_LABELS)
    if facts.task in WRITES and facts.model_kind == "encoder":
        blocked += spread(
            lambda: f"Your task is {facts.task}, and {facts.model_name} writes no text.", 1.0, _CANNOT_WRITE
        )
    return blocked


@rule(
    id="open-answers-tune-from-hundreds",
    strength="M",
    source="Google's tuning guide: 20 examples at least, 100 to 500 better; OpenAI: gains at 50 to 100",
    touches=tuple(_OPEN_AHEAD),
    thresholds=(OPEN_ANSWERS,),
    example={"task": "summarisation", "rows": 2_000},
)
def open_answers(facts: Facts) -> Effects | None:
    """Where answers are written, some hundreds of rows make tuning worth more than a prompt.

    Vendors of tuning put the least at 10 to 20 examples and good results at 100 to 500. They sell it, so the reason is
    of medium strength.

    What to do: tune once you have a few hundred good answers; until then put the best into the prompt.
    """
    if facts.task not in OPEN:
        return None
    rows = facts.train_rows
    if rows is None:
        return None
    ahead = OPEN_ANSWERS.grade(rows)

    def because() -> str:
        return (
            f"You have {count(rows, 'training row')} for {facts.task}; {OPEN_ANSWERS.band}, tuning overtakes a prompt."
        )

    return spread(because, 1 - 2 * ahead, _OPEN_BEHIND) if ahead < 0.5 else spread(because, 2 * ahead - 1, _OPEN_AHEAD)


@rule(
    id="extraction-thousands-tune",
    strength="S",
    source="LoRA Land (Predibase 2024), tasks bc5cdr and conllpp: extraction in a fixed format, where tuned 7B models "
    "were far ahead of prompted GPT-4 (some 5,000 rows are our line)",
    touches=HEAVY,
    thresholds=(FIXED_FORMAT,),
    example={"task": "extraction", "rows": 20_000},
)
def extraction(facts: Facts) -> Effects | None:
    """With thousands of rows for extraction into a fixed format, tune.

    What counts as an entity and how it is written down is a convention, which rows teach and instructions do not.

    What to do: tune on the exact format you want to read back, and measure exact matches.
    """
    if facts.task != "extraction":
        return None
    rows = facts.train_rows
    if rows is None or rows <= FIXED_FORMAT.low:
        return None
    return spread(
        lambda: (
            f"You have {count(rows, 'training row')} for extraction; from about 5,000 ({FIXED_FORMAT.band}), tuned "
            "models were far ahead of prompted ones."
        ),
        FIXED_FORMAT.grade(rows),
        _TUNE,
    )


@rule(
    id="written-answers-thousands-tune",
    strength="M",
    source="LoRA Land (Predibase 2024): over 31 tasks, tuned models of 2B to 8B were on average 34 points over the "
    "same models prompted and 10 over GPT-4 (the band is ours: its tasks have thousands of rows)",
    touches=tuple(_WRITE_TUNED),
    thresholds=(WRITTEN,),
    example={"task": "summarisation", "rows": 4_000},
)
def written(facts: Facts) -> Effects | None:
    """With thousands of good answers a tuned model of some billion weights is ahead of itself and larger ones prompted.

    An average over tasks of many kinds, most with short answers, so it is of medium strength for any one of them. For
    extraction there is stronger evidence, in a rule of its own.

    What to do: tune an open model on the answers, and compare with the best prompt on the same rows.
    """
    if facts.task not in OPEN:
        return None
    rows = facts.train_rows
    if rows is None or rows <= WRITTEN.low:
        return None
    return spread(
        lambda: (
            f"You have {count(rows, 'training row')} for {facts.task}; {WRITTEN.band}, tuned models draw ahead of "
            "larger ones prompted."
        ),
        WRITTEN.grade(rows),
        _WRITE_TUNED,
    )


@rule(
    id="images-have-no-words",
    strength="S",
    source="by construction: counting words, prompts, adapters and pretraining here are those of text models",
    touches=tuple(_NOT_FOR_IMAGES),
    example={"task": "image-classification"},
)
def images(facts: Facts) -> Effects | None:
    """Images have no words, so strategies that read or write text do not apply to them.

    A classifier on frozen features, tuning the first layers, the last or all, distillation, and training from random
    weights are the same for images as for texts. The other strategies are built for text only here.

    What to do: choose among these six, the lightest first.
    """
    if facts.task != "image-classification":
        return None
    return spread(
        "Your task is image classification, and this strategy is built for text only here.", 1.0, _NOT_FOR_IMAGES
    )


RULES = (open_answers_need_a_generator, open_answers, extraction, written, images)
