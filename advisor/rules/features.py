"""Frozen features: when a small classifier on what the model already sees is enough."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Weight, count, push, rule

CROSSOVER = 27
"""Rows per class where probe and full fine-tuning meet: log-linear between 8 and 64 in SetFit's results; our line."""


@rule(
    id="frozen-features-8-to-64-per-class",
    strength="S",
    source="Tunstall et al. 2022 (SetFit), table 2 and its raw results (6 tasks, 10 splits; averages ours): linear "
    "probe 57.6 against 49.5 for full fine-tuning at 8 rows per class, 67.0 against 72.8 at 64",
    touches=("linear_probe", "full"),
)
def frozen_features(facts: Facts) -> Effects | None:
    """With 8 to 64 rows per class, train a small classifier on frozen features.

    At 8 per class the probe is ahead by 8 points, at 64 full fine-tuning is ahead by 6, so the reason is strong up to
    the crossing near 27 and weak beyond it. Single runs of fine-tuning spread by up to 17 points there. The figures are
    for sentence encoders: one step weaker for other encoders, weak for causal LMs, with their head or without.
    """
    rows = facts.rows_per_class
    if not 8 <= rows <= 64:
        return None
    have = f"The median of your {count(facts.classes, 'class')} has {count(rows, 'training row')}"
    if rows > CROSSOVER:
        return push(f"{have}; up to 64, frozen features stay within reach of fine-tuning.", linear_probe="+W")
    sentence_encoder = facts.model is not None and facts.model.sentence_encoder
    reads_on = facts.causal or (facts.model is not None and facts.model.headless_decoder)
    weight: Weight = "+S" if sentence_encoder else "+W" if reads_on else "+M"
    because = f"{have}; from 8 to about {CROSSOVER}, a classifier on frozen features was ahead of full fine-tuning."
    return push(because, linear_probe=weight, full="-W")


@rule(
    id="frozen-features-under-8-per-class",
    strength="M",
    source="extrapolated by us from Tunstall et al. 2022 (SetFit), raw results: the linear probe's lead over full "
    "fine-tuning grows as rows per class fall from 64 to 8",
    touches=("linear_probe", "lora", "full"),
)
def frozen_features_under_8(facts: Facts) -> Effects | None:
    """Under 8 rows per class, the fewer weights are learned the better.

    The measured range ends at 8; nothing suggests that the lead of frozen features ends there too. Weak for causal LMs,
    whose features were not measured.
    """
    rows = facts.rows_per_class
    if rows >= 8:
        return None
    because = (
        f"The median of your {count(facts.classes, 'class')} has {count(rows, 'training row')}, under 8; a classifier "
        "on frozen features has the fewest weights to learn."
    )
    return push(because, linear_probe="+W" if facts.causal else "+M", lora="-W", full="-W")


@rule(
    id="shift-linear-probe",
    strength="S",
    source="Kumar et al. 2022 (abstract): against a linear probe, full fine-tuning gains 2 points in distribution "
    "and loses 7 out of it; probing first, then tuning, repairs it",
    touches=("linear_probe", "full"),
)
def shift_linear_probe(facts: Facts) -> Effects | None:
    """Where the texts in use will differ from the rows at hand, keep the features frozen.

    Full fine-tuning bends the features to the training rows. Ours starts from the linear probe, which lessens the harm,
    so it is only weakly held against it.
    """
    if not facts.brief.expects_shift:
        return None
    because = (
        f"You expect texts unlike your {count(facts.profile.rows, 'row')}; frozen features held up better under shift "
        "(by 7 points on average)."
    )
    return push(because, linear_probe="+S", full="-W")
