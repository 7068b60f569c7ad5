"""Domain adaptation: whether to go on pretraining on unlabelled text before the task is learned."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, push, rule, weights

DISTANT = Threshold(
    "domain_overlap", 0.25, 0.45, "of the frequent words shared",
    "Gururangan et al. 2020: computer science .19, biomedicine .27, reviews .35, news .54; the band is ours",
)  # fmt: skip
IN_DOMAIN = Threshold("domain_overlap", 0.4, 0.6, "of the frequent words shared", "Gururangan et al. 2020: news .54")
CORPUS = Threshold("corpus_tokens", 5e6, 200e6, "tokens", "our line: Gururangan et al. 2020 took billions")
LARGE_CORPUS = Threshold("corpus_tokens", 3e8, 3e9, "tokens", "our line: Biderman et al. 2024 took 20 billion")
TASK_TEXT = Threshold("unlabelled_rows", 500, 10_000, "rows", "our line: Gururangan et al. 2020 had 500 to 180,000")
STRONG_MODEL = Threshold("model_parameters", 3e8, 3e9, "parameters", "our line: the study is of models of 7B and more")

_REPLAY = (
    "Ibrahim et al. 2024 (abstract): re-warming, decay and replay of earlier text do as well as training anew; the 1 "
    "to 5 % replayed are from memory"
)
_GURURANGAN = "Gururangan et al. 2020, table 5"


@rule(
    id="distant-domain-dapt",
    strength="S",
    source=f"{_GURURANGAN}: DAPT gains 3.5 to 12.4 points where 19.2 % of the vocabulary overlaps (computer science), "
    "0.4 to 2.3 at 27.3 % (biomedicine), at most 1.6 at 54.1 % (news)",
    touches=("dapt",),
    thresholds=(CORPUS, DISTANT),
    example={"model_kind": "encoder", "corpus_tokens": 500_000_000, "domain_overlap": 0.19},
)
def distant_domain(facts: Facts) -> Effects | None:
    """For an encoder far from its domain, go on pretraining on the domain's own text.

    The less the domain's words were seen in pretraining, the more another round on unlabelled text brings; the corpus
    should hold hundreds of millions of tokens.

    What to do: one epoch at a learning rate of 1e-5 to 2e-5 with re-warming, then tune; check that the task gains.
    """
    if facts.model_kind != "encoder" or facts.corpus_tokens is None:
        return None
    size = CORPUS.grade(facts.corpus_tokens)
    if not size:
        return None
    overlap = facts.domain_overlap
    if overlap is not None:
        far = 1 - DISTANT.grade(overlap)
    elif facts.domain_related is None:
        return None
    else:
        far = float(not facts.domain_related)

    def because() -> str:
        if overlap is None:
            how = "is unrelated to the pretraining text, as your brief says,"
        else:
            how = f"shares {overlap:.0%} of its frequent words with the pretraining text"
        return (
            f"Your domain {how} and you have {_tokens(facts.corpus_tokens)} of it; continued pretraining gained "
            "most in domains so far off."
        )

    return push(
        because,
        size * far,
        dapt="+S",
    )


@rule(
    id="strong-model-dapt-pilot",
    strength="S",
    source="Jeong et al. 2024 (abstract): 10 medical LLMs against the models they were made from: better in 22.7 % of "
    "comparisons, level in 36.8 %, worse in 40.5 %; " + _REPLAY,
    touches=("dapt",),
    thresholds=(STRONG_MODEL,),
    example={"model_kind": "causal", "model_parameters": 7_000_000_000},
)
def strong_model(facts: Facts) -> Effects | None:
    """Continue the pretraining of a strong LLM only after a pilot has shown a gain.

    Large models have seen most domains already, and a round on one domain can cost as much as it brings.

    What to do: continue on a hundredth of the corpus with 1 to 5 % general text mixed in, and compare on your task.
    """
    if facts.model_kind != "causal" or facts.model_parameters is None:
        return None
    return push(
        lambda: (
            f"With {weights(facts.model_parameters or 0)} parameters, {facts.model_name} has seen most domains; "
            "LLMs pretrained further on medicine were better than their base in 22.7 % of comparisons and worse in "
            "40.5 %."
        ),
        STRONG_MODEL.grade(facts.model_parameters),
        dapt="-S",
    )


@rule(
    id="large-corpus-all-weights",
    strength="S",
    source="Biderman et al. 2024: code, 20 billion tokens of continued pretraining: full .263, LoRA r256 .224, r16 "
    ".162 (the line of a billion tokens is ours); " + _REPLAY,
    touches=("dapt",),
    thresholds=(LARGE_CORPUS,),
    example={"corpus_tokens": 5_000_000_000},
)
def large_corpus(facts: Facts) -> Effects | None:
    """Continue pretraining on a billion tokens or more with all weights, not with LoRA.

    What is learned from so much text does not fit a low rank. It says how to do it, not whether.

    What to do: train all weights for one epoch, re-warm the learning rate, and replay 1 to 5 % general text.
    """
    tokens = facts.corpus_tokens
    if tokens is None or tokens <= LARGE_CORPUS.low:
        return None
    return push(
        lambda: (
            f"Your corpus has {_tokens(tokens)}; from 300 million to 3 billion on, LoRA falls behind training all "
            "weights in continued pretraining."
        ),
        dapt="note",
    )


@rule(
    id="unlabelled-task-text-tapt",
    strength="S",
    source=f"{_GURURANGAN}: TAPT gains 0.5 to 4.4 points on 8 of 8 tasks at a sixtieth of the time of DAPT",
    touches=("tapt",),
    thresholds=(TASK_TEXT,),
    example={"model_kind": "encoder", "unlabelled_rows": 20_000},
)
def task_text(facts: Facts) -> Effects | None:
    """With many unlabelled rows of the task, make an encoder familiar with them before tuning.

    The texts of the task themselves are the cheapest corpus, and the one that is sure to be of the domain.

    What to do: continue masked pretraining on labelled and unlabelled texts together, training rows only, then tune.
    """
    if facts.model_kind != "encoder":
        return None
    rows = facts.unlabelled_rows
    if rows is None or rows <= TASK_TEXT.low:
        return None
    return push(
        lambda: (
            f"You have {rows:,} unlabelled rows of the task; going on with pretraining on such text helped on 8 of 8 "
            "tasks."
        ),
        TASK_TEXT.grade(rows),
        tapt="+S",
    )


@rule(
    id="no-corpus-no-dapt",
    strength="S",
    source="Gururangan et al. 2020, table 3 (¬DAPT): pretraining on an irrelevant domain is worse than none on 5 of 8 "
    "tasks; the band is our line",
    touches=("dapt",),
    thresholds=(CORPUS,),
    example={"corpus_tokens": 0},
)
def no_corpus(facts: Facts) -> Effects | None:
    """Without text of the domain there is no continued pretraining; other text is no substitute.

    Text from elsewhere moves the model away from the task. With no text it is out; a small corpus is soon learned by
    heart, so up to some hundred million tokens it is held back.

    What to do: collect text of the domain, or leave the model as it is.
    """
    tokens = facts.corpus_tokens
    if tokens is None:
        return None
    if tokens == 0:
        return push("You have 0 tokens of text from the domain; text from elsewhere does harm.", dapt="block")
    return push(
        lambda: (
            f"You have {_tokens(tokens)} of text from the domain; continued pretraining begins to pay between 5 and "
            "200 million, and text from elsewhere is no substitute."
        ),
        1 - CORPUS.grade(tokens),
        dapt="-S",
    )


@rule(
    id="off-domain-corpus-no-dapt",
    strength="S",
    source="Gururangan et al. 2020, table 3 (¬DAPT): pretraining on an irrelevant domain is worse than none on 5 of 8 "
    "tasks",
    touches=("dapt",),
    example={"corpus_tokens": 100_000_000, "corpus_related": False},
)
def off_domain_corpus(facts: Facts) -> Effects | None:
    """Don't continue pretraining on a corpus of another domain.

    It moves the model away from the task instead of towards it.

    What to do: collect text of the task's own domain, be it little, or leave the model as it is.
    """
    if not facts.corpus_tokens or facts.corpus_related is not False:
        return None
    return push(
        lambda: f"Your {_tokens(facts.corpus_tokens)} are of another domain; such text did harm on 5 of 8 tasks.",
        dapt="block",
    )


@rule(
    id="in-domain-no-dapt",
    strength="M",
    source=f"{_GURURANGAN}: on news, with 54.1 % of the vocabulary shared, DAPT gains 0 to 1.6 points",
    touches=("dapt",),
    thresholds=(IN_DOMAIN,),
    example={"domain_overlap": 0.6},
)
def in_domain(facts: Facts) -> Effects | None:
    """In the model's own domain, continued pretraining has nothing to add.

    Where most of the frequent words are shared, the model has read such text already.

    What to do: spend the time on labels, or on the unlabelled texts of the task itself.
    """
    overlap = facts.domain_overlap
    if overlap is None:
        if facts.domain_related is not True:
            return None
        return push("Your brief says the domain is related to the pretraining text.", 0.5, dapt="-M")
    return push(
        lambda: (
            f"Your domain shares {overlap:.0%} of its frequent words with the pretraining text; at 54 % continued "
            "pretraining gained 1.6 points at most."
        ),
        IN_DOMAIN.grade(overlap),
        dapt="-M",
    )


def _tokens(number: float | None) -> str:
    """Write a number of tokens so that it can be read."""
    number = number or 0
    return f"{number / 1e6:,.0f} million tokens" if number >= 1e7 else count(number, "token")


RULES = (distant_domain, strong_model, large_corpus, task_text, no_corpus, off_domain_corpus, in_domain)
