"""Domain and language: whether what the model knows has to do with the task at all."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, push, rule, spread
from advisor.rules.groups import ADAPTERS, PARTIAL, PROMPTED, TRANSFERS, TUNED, each

PIECES = Threshold("fertility", 1.6, 2.4, "tokens a word", "1.5 times the usual 1.3 of English text; the band is ours")
CUT_OFF = Threshold("truncated_share", 0.05, 0.2, "of the rows", "our line")

ONE_LANGUAGE = Threshold("language_share", 0.3, 0.7, "of the rows in one language", "our line: half")
MOSTLY_ONE = Threshold("language_share", 0.5, 0.7, "of the rows in one language", "our line")
OTHER_SCRIPT = Threshold("non_latin", 0.3, 0.7, "of the letters", "our line: half")

NEAR = Threshold(
    "domain_overlap", 0.05, 0.25, "of the frequent words shared",
    "our line: at .19 (computer science) pretrained encoders were far ahead still",
)  # fmt: skip
PROBE_LIFT = Threshold("probe_lift", 0.02, 0.1, "of the score over the most frequent class", "our line")
PRETRAINING_LIFT = Threshold("pretraining_lift", 0.005, 0.03, "of the score over random weights", "our line")

_UNRELATED = nats(baseline="+M", **each(TRANSFERS, "-M"))
_STRANGE = nats(
    baseline="+M",
    **each((*PROMPTED, "retrieval", "linear_probe"), "-M"),
    **each(("setfit", *ADAPTERS, *PARTIAL, "full", "distillation"), "-W"),
)
_NO_LANGUAGE = frozenset({"und", "zxx"})
_PIECEMEAL = nats(baseline="+W", **each((*PROMPTED, "retrieval", "linear_probe"), "-W"))
_CUT = nats(baseline="+W", **each(("linear_probe", "setfit", *TUNED, "distillation"), "-W"))


@rule(
    id="unrelated-domain-no-transfer",
    strength="M",
    source="common practice (no transfer between unrelated domains); Gururangan et al. 2020, table 3: pretraining on "
    "an irrelevant domain is worse than none on 5 of 8 tasks, and table 5: RoBERTa as it is on 8 tasks of 4 domains",
    touches=("baseline", *TRANSFERS),
    thresholds=(NEAR,),
    example={"domain_related": False},
)
def unrelated_domain(facts: Facts) -> Effects | None:
    """Between unrelated domains nothing transfers: expect the baseline to win.

    What a model learned helps where the new task is like the old; elsewhere it is ballast, and may do harm. Texts that
    read as natural language are never quite unrelated, and the reason is half as strong for them: pretrained
    encoders were ahead on computer science and biomedicine before they had seen more of it. A share of frequent words
    in common says more than either: the reason fades as it grows.

    What to do: let measurements decide, with the baseline and the same architecture from random weights among them.
    """
    if facts.domain_related is not False:
        return None
    near = _near(facts)
    if near < 0.5:
        near = max(near, 0.5 * (language_grade(facts) or 0.0))
    return spread(
        lambda: (
            f"Your brief says the domain{called(facts)} is unrelated to what {facts.model_name} was pretrained on; "
            "let your rows speak through a model that transfers nothing."
        ),
        1 - near,
        _UNRELATED,
    )


@rule(
    id="related-domain-transfers",
    strength="M",
    source="common practice (transfer between related domains)",
    touches=("baseline", "linear_probe", "setfit", *ADAPTERS, "from_scratch"),
    example={"domain_related": True},
)
def related_domain(facts: Facts) -> Effects | None:
    """In a related domain the pretrained features are worth keeping.

    Most of what the task needs has been learned already, so a light touch goes far and starting anew throws it away.

    What to do: start from the pretrained model, with a classifier on its features as the first trial.
    """
    if not facts.domain_related:
        return None
    return push(
        lambda: f"Your brief says the domain{called(facts)} is related to what {facts.model_name} was pretrained on.",
        1.0,
        baseline="-W",
        linear_probe="+W",
        setfit="+W",
        from_scratch="-M",
        **each(ADAPTERS, "+W"),
    )


@rule(
    id="natural-language-transfers",
    strength="M",
    source="Howard & Ruder 2018 (ULMFiT, abstract, from memory): 100 labels with pretraining match 100 times as many "
    "without",
    touches=("baseline",),
    thresholds=(PIECES, OTHER_SCRIPT, ONE_LANGUAGE, MOSTLY_ONE),
    example={"language": "en"},
)
def natural_language_transfers(facts: Facts) -> Effects | None:
    """On natural language a pretrained model beats counting words.

    Holds for rows recognised as one language that the model card does not rule out, with words the tokenizer knows, in
    a domain that nobody called unrelated.

    What to do: keep the baseline in the comparison all the same; it costs seconds.
    """
    language, stranger = language_grade(facts), _stranger(facts)
    if not language or stranger == 1 or facts.domain_related is False:
        return None

    def because() -> str:
        share = "Your" if facts.language_share is None else f"{facts.language_share:.0%} of your"
        return f"{share} rows read as natural language ({facts.language}); pretraining usually pays off there."

    return push(because, language * (1 - stranger) * (1 - _pieces(facts)), baseline="-M")


@rule(
    id="text-is-no-language",
    strength="M",
    source="common practice (no transfer between unrelated domains)",
    touches=tuple(_STRANGE),
    thresholds=(ONE_LANGUAGE,),
    example={"language": "zxx"},
)
def text_is_no_language(facts: Facts) -> Effects | None:
    """Rows that are no natural language (moves, sequences, logs) have little to do with what a text model knows.

    Frozen features and prompts use what was learned as it is; tuning can learn anew, and is held back less.

    What to do: take a model pretrained on such sequences, if there is one, and compare with the baseline.
    """
    language = language_grade(facts)
    if language is None or language == 1:
        return None

    def because() -> str:
        rows = "your rows" if facts.rows is None else f"your {count(facts.rows, 'row')}"
        if facts.language in _NO_LANGUAGE or facts.language_share is None:
            return f"In {rows} no language was recognised; what the model learned from text may not carry over."
        share = f"only {facts.language_share:.0%} read as one language ({facts.language})"
        return f"In {rows} {share}; what the model learned from text may not carry over."

    return spread(because, 1 - language, _STRANGE)


@rule(
    id="language-not-in-model-card",
    strength="M",
    source="common practice (a model knows the languages it was pretrained on)",
    touches=tuple(_STRANGE),
    thresholds=(MOSTLY_ONE,),
    example={"language": "sw", "model_languages": ("en",)},
)
def language_not_in_model_card(facts: Facts) -> Effects | None:
    """Distrust a model whose card does not name the language of the rows.

    It may have seen some of it by the way, but hardly enough for prompts and frozen features.

    What to do: name a multilingual model, or one of that language, as a second candidate.
    """
    stranger = _stranger(facts)
    if not stranger:
        return None

    def because() -> str:
        share = facts.language_share
        rows = "You say the texts are in" if share is None else f"{share:.0%} of your rows read as"
        script = "" if facts.non_latin is None else f", {facts.non_latin:.0%} of the letters are not Latin"
        return (
            f"{rows} '{facts.language}'{script}; the card of {facts.model_name} names "
            f"{', '.join(facts.model_languages)}; take a multilingual model, or one of that language, before anything "
            "else."
        )

    return spread(because, stranger, _STRANGE)


@rule(
    id="tokenizer-splits-words",
    strength="W",
    source="common practice (tokens per word over 1.5 times the usual 1.3; both figures are rough)",
    touches=("baseline", *PROMPTED, "retrieval", "linear_probe"),
    thresholds=(PIECES, OTHER_SCRIPT),
    example={"fertility": 3.1, "non_latin": 0.0},
)
def tokenizer_splits_words(facts: Facts) -> Effects | None:
    """Read many tokens per word as a sign that the model seldom saw such words.

    A cheap sign of distance. Tuning can learn the pieces; prompts and frozen features cannot. Scripts written without
    spaces have no words to count by, so texts mostly outside the Latin script never count.

    What to do: compare with a model whose tokenizer was made for such texts.
    """
    pieces = _pieces(facts)
    if not pieces:
        return None
    return spread(
        lambda: (
            f"The tokenizer makes {facts.fertility:.1f} tokens of one of your words, against about 1.3 for ordinary "
            "English text; such words were rare in pretraining."
        ),
        pieces,
        _PIECEMEAL,
    )


@rule(
    id="rows-longer-than-context",
    strength="W",
    source="arithmetic: what lies beyond the context is not read (the band around a tenth of the rows is our line)",
    touches=tuple(_CUT),
    thresholds=(CUT_OFF,),
    example={"truncated_share": 0.3},
)
def rows_longer_than_context(facts: Facts) -> Effects | None:
    """Where a tenth of the rows is cut off, a model that reads them whole has an advantage.

    What decides may stand in the part that is not read; counting words has no such limit.

    What to do: put the part that matters first, split long rows, or take a model with a longer context.
    """
    share = facts.truncated_share
    if share is None or share <= CUT_OFF.low:
        return None

    def because() -> str:
        of = "" if facts.rows is None else f"{share * facts.rows:,.0f} of your {count(facts.rows, 'row')}, "
        than = "" if facts.context is None else f"the {facts.context:,} tokens "
        opening = f"{of}{share:.0%}, are longer" if of else f"{share:.0%} of your rows are longer"
        return f"{opening} than {than}{facts.model_name} reads."

    return spread(because, CUT_OFF.grade(share), _CUT)


def called(facts: Facts) -> str:
    """Name the domain, in brackets, where the user did."""
    return f" ({facts.domain})" if facts.domain else ""


def _pieces(facts: Facts) -> float:
    """Return the degree to which the tokenizer breaks words up; 0 where it was not counted."""
    if facts.fertility is None or facts.fertility <= PIECES.low or facts.non_latin is None:
        return 0.0
    return PIECES.grade(facts.fertility) * (1 - OTHER_SCRIPT.grade(facts.non_latin))


def language_grade(facts: Facts) -> float | None:
    """Return the degree to which the rows are one natural language; None where nobody knows."""
    if facts.language is None:
        return None
    if facts.language in _NO_LANGUAGE:
        return 0.0
    return 1.0 if facts.language_share is None else ONE_LANGUAGE.grade(facts.language_share)


def reads_as_language(facts: Facts) -> float:
    """Return the degree to which evidence from natural language holds for these rows; 1 where nobody knows better.

    It holds where they are natural language, in a domain not called unrelated, and pretraining was not measured to be
    of no use on the task itself.
    """
    grade = language_grade(facts)
    if grade == 0:
        return 0.0
    if facts.domain_related is False:
        grade = max(0.5 * (grade or 0.0), _near(facts) * (1.0 if grade is None else grade))
    return (1.0 if grade is None else grade) * (1 - no_lift_grade(facts))


def _near(facts: Facts) -> float:
    """Return the degree to which the domain shares the words of pretraining text; 0 where nobody looked."""
    return 0.0 if facts.domain_overlap is None else NEAR.grade(facts.domain_overlap)


def no_lift_grade(facts: Facts) -> float:
    """Return the degree to which pretraining was measured to bring nothing; 0 where it was not measured."""
    if facts.probe_lift is None or facts.pretraining_lift is None:
        return 0.0
    lift = max(facts.pretraining_lift, 1e-9)
    return (1 - PROBE_LIFT.grade(facts.probe_lift)) * (1 - PRETRAINING_LIFT.grade(lift))


def _stranger(facts: Facts) -> float:
    """Return the degree to which the rows are in a language that the model card does not name."""
    if facts.language_known is not False:
        return 0.0
    return 1.0 if facts.language_share is None else MOSTLY_ONE.grade(facts.language_share)


RULES = (
    unrelated_domain,
    related_domain,
    natural_language_transfers,
    text_is_no_language,
    language_not_in_model_card,
    tokenizer_splits_words,
    rows_longer_than_context,
)
