"""Frozen features and sentence encoders: when a small classifier on what the model already sees is enough."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, push, rule, spread
from advisor.rules.classes import rows_of_a_class, typical_class
from advisor.rules.domain import reads_as_language
from advisor.rules.groups import LIGHT, LORAS, PARTIAL, TRAINED, WHOLE, each

CROSSOVER = Threshold(
    "class_rows", 8, 91, "training rows of the median class",
    "Tunstall et al. 2022 (SetFit), raw results: probe and full fine-tuning meet near 27, log-linear between 8 and 64; "
    "the band about it is ours",
)  # fmt: skip
OUTGROWN = Threshold(
    "class_rows",
    64,
    1_000,
    "training rows of the median class",
    "Tunstall et al. 2022 (SetFit), table 2: measured at 64 and on whole sets; the upper end is ours",
)
VERY_FEW = Threshold("class_rows", 4, 16, "training rows of the median class", "our line: the measured range ends at 8")

_PROBE_AHEAD = {
    "S": nats(**each(TRAINED, "-M")),
    "M": nats(**each(TRAINED, "-W")),
    "W": nats(**each(TRAINED, "-W")),
    "images": nats(**each((*LIGHT, *LORAS, *PARTIAL), "-W")) | nats(**each(WHOLE, "-M")),
    "instruct": nats(**each((*PARTIAL, *WHOLE), "-W")),
}
_TUNED_AHEAD = {
    "S": nats(**each(TRAINED, "+S")),
    "M": nats(**each(TRAINED, "+S")),
    "W": nats(**each(TRAINED, "+W")),
    "images": nats(**each((*LIGHT, *LORAS, *PARTIAL), "+W")) | nats(**each(WHOLE, "+M")),
    "instruct": nats(**each(TRAINED, "+W")),
}
_OUTGROWS = nats(**each(TRAINED, "+M"))
_FEWEST_WEIGHTS = nats(**each((*LIGHT, *LORAS, *PARTIAL), "-W")) | nats(**each(WHOLE, "-M"))


@rule(
    id="frozen-features-8-to-64-per-class",
    strength="S",
    source="Tunstall et al. 2022 (SetFit), table 2 and its raw results (6 tasks, 10 splits; averages ours): linear "
    "probe 57.6 against 49.5 for full fine-tuning at 8 rows per class, 67.0 against 72.8 at 64; ours on banking77 (13 "
    "rows per class, MiniLM, `python -m benchmarks.banking77`): probe .856, LoRA from the probe on .859, in full .862",
    touches=TRAINED,
    thresholds=(CROSSOVER,),
    example={"rows": 100, "classes": 6, "model_kind": "encoder", "sentence_encoder": True},
)
def frozen_features(facts: Facts) -> Effects | None:
    """With 8 rows per class frozen features beat tuning, with 64 tuning beats frozen features.

    At 8 per class the probe is ahead of full fine-tuning by 8 points, at 64 behind by 6; in between the reason passes
    smoothly from against tuning to for it, and through nothing near 27. Single runs of fine-tuning spread by up to 17
    points there. The figures are for a sentence encoder's features against full fine-tuning of a plain encoder from a
    random head. Tuning here starts from the probe and cannot fall as far behind it, so few rows speak against it one
    step less than many rows speak for it; weaker still where the features are those of another encoder. One step weaker
    both ways for images (weak where only some layers are tuned), weak for causal LMs, with their head or without; taken
    over to adapters, but not against those on a model that follows instructions, which few rows suffice to steer
    (T-Few).

    What to do: under 27 per class train a small classifier on frozen features; above, tune, starting from that
    classifier.
    """
    if facts.task not in ("text-classification", "image-classification"):
        return None
    rows = facts.class_rows
    if rows is None:
        return None
    size: str
    if facts.task == "image-classification":
        size = "images"
    elif facts.sentence_encoder:
        size = "S"
    elif facts.model_kind is None:
        return None
    else:
        size = "instruct" if facts.instruct else "M" if facts.encoder else "W"
    ahead = 2 * CROSSOVER.grade(rows) - 1

    def because() -> str:
        have = rows_of_a_class(facts)
        where = (
            "" if facts.sentence_encoder and facts.classification else " (measured on texts with a sentence encoder)"
        )
        if ahead < 0:
            return f"{have}; under about 27, a classifier on frozen features was ahead of full fine-tuning{where}."
        band = f"{CROSSOVER.low:g} to {CROSSOVER.high:g}"
        return f"{have}; from about 27 on ({band}), tuning overtakes frozen features{where}."

    return spread(because, abs(ahead), (_PROBE_AHEAD if ahead < 0 else _TUNED_AHEAD)[size])


@rule(
    id="frozen-features-under-8-per-class",
    strength="M",
    source="extrapolated by us from Tunstall et al. 2022 (SetFit), raw results: the linear probe's lead over full "
    "fine-tuning grows as rows per class fall from 64 to 8",
    touches=tuple(_FEWEST_WEIGHTS),
    thresholds=(VERY_FEW,),
    example={"rows": 50, "classes": 10},
)
def frozen_features_under_8(facts: Facts) -> Effects | None:
    """Under about 8 rows per class, the fewer weights are learned the better.

    The measured range ends at 8; nothing suggests that the lead of frozen features ends there too.

    What to do: prompt, or train a small classifier on frozen features with strong regularisation.
    """
    if facts.task not in ("text-classification", "image-classification"):
        return None
    rows = facts.class_rows
    if rows is None or rows >= VERY_FEW.high:
        return None
    return spread(
        lambda: (
            f"{rows_of_a_class(facts)}, fewer than about 8 ({VERY_FEW.band}); the fewer weights learned, the better."
        ),
        1 - VERY_FEW.grade(rows),
        _FEWEST_WEIGHTS,
    )


@rule(
    id="sentence-encoder-features",
    strength="M",
    source="Tunstall et al. 2022 (SetFit), raw results: a linear probe on a sentence encoder reaches 57.6 at 8 rows "
    "per class (average ours)",
    touches=("linear_probe",),
    example={"model_kind": "encoder", "sentence_encoder": True},
)
def sentence_encoder_features(facts: Facts) -> Effects | None:
    """Read a sentence encoder's vectors with a linear classifier.

    It was trained so that its vectors tell texts apart, and a linear classifier needs no more than that. Other
    models learned to guess words; what tells classes apart need not lie in the average of their last layer. This holds
    however many rows there are; with many, tuning gains more from them.

    What to do: compute the vectors once and train a logistic regression on them, before anything heavier.
    """
    if not facts.classification or not facts.sentence_encoder:
        return None
    return push(
        lambda: f"As a sentence encoder, {facts.model_name} makes vectors that a linear classifier reads well.",
        linear_probe="+M",
    )


@rule(
    id="setfit-few-rows-per-class",
    strength="S",
    source="Tunstall et al. 2022 (SetFit), table 2: 62.3 against 43.0 for full fine-tuning of RoBERTa-large at 8 rows "
    "per class, 75.3 against 69.7 at 64 (average of five tasks)",
    touches=("setfit",),
    example={"model_kind": "encoder", "sentence_encoder": True},
)
def setfit_few_rows(facts: Facts) -> Effects | None:
    """Pairs of a few rows teach a sentence encoder the classes: contrastive tuning (SetFit) beat full fine-tuning.

    By 19 points at 8 rows per class and 6 at 64; beyond nobody measured it, and other strategies gain more from
    further rows. It needs a sentence encoder: another encoder's vectors are no place to start from, and a causal LM's
    less so.

    What to do: name a sentence encoder as the candidate, and let SetFit run where frozen features alone fall short.
    """
    if not facts.classification:
        return None
    if facts.sentence_encoder:

        def because() -> str:
            rows = None if facts.rows is None else facts.class_rows
            have = "" if rows is None else f", and {typical_class(facts)} has {count(rows, 'training row')}"
            return (
                f"As a sentence encoder, {facts.model_name} can be tuned on pairs of rows{have}; that was ahead of "
                "full fine-tuning at 8 to 64."
            )

        return push(because, setfit="+S")
    if facts.model_kind == "causal" or facts.sentence_encoder is False:
        return push(
            lambda: f"SetFit starts from a sentence encoder, and {facts.model_name} is none.",
            setfit="-M",
        )
    return None


@rule(
    id="tuning-outgrows-setfit",
    strength="M",
    source="Tunstall et al. 2022 (SetFit), table 2: SetFit 75.3 at 64 rows per class, full fine-tuning of "
    "RoBERTa-large 69.7 there and 84.8 on the whole sets (average of five tasks)",
    touches=tuple(_OUTGROWS),
    thresholds=(OUTGROWN,),
    example={"rows": 20_000, "classes": 6, "model_kind": "encoder"},
)
def tuning_outgrows_setfit(facts: Facts) -> Effects | None:
    """Beyond 64 rows per class an encoder's weights go on learning where pairs and frozen features level off.

    On the whole sets full fine-tuning was 9 points over what SetFit had reached with 64 rows per class. SetFit itself
    was not measured there, so this is medium evidence; it grows with the rows until 1,000 per class. It was measured on
    natural language, and goes as far as the rows are that, in a domain that nobody called unrelated.

    What to do: with hundreds of rows per class tune the encoder, by LoRA or in full, starting from a linear probe.
    """
    if not facts.classification or not facts.encoder:
        return None
    rows = facts.class_rows
    if rows is None or rows <= OUTGROWN.low:
        return None
    return spread(
        lambda: (
            f"{rows_of_a_class(facts)}; {OUTGROWN.band} tuning goes on gaining where SetFit and frozen features level "
            "off."
        ),
        OUTGROWN.grade(rows) * reads_as_language(facts),
        _OUTGROWS,
    )


RULES = (frozen_features, frozen_features_under_8, sentence_encoder_features, setfit_few_rows, tuning_outgrows_setfit)
