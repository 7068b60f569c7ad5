"""Knowledge: whether right answers need facts, and where those should come from."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, push, rule, spread, weights
from advisor.rules.groups import PROMPTED, TUNED, each

SMALL_BASE = Threshold("model_parameters", 1e9, 8e9, "parameters", "our line: 7B models are LoRA Land's size")

_HOLD_FACTS = (*TUNED, "distillation", "from_scratch")
_STALE = each(_HOLD_FACTS, "-S")
_USELESS = each(_HOLD_FACTS, "block")
_FIXED = nats(**each(PROMPTED, "-S"))
_TOO_SMALL = each(TUNED, "-W")


@rule(
    id="changing-facts-retrieval",
    strength="S",
    source="Azure OpenAI guidance on fine-tuning (retrieval for knowledge outside the model); Ovadia et al. 2024, "
    "Gekhman et al. 2024 (from memory): tuning teaches new facts poorly",
    touches=("baseline", *_FIXED, "retrieval", "linear_probe", "setfit", *_STALE),
    example={"facts_change": True},
)
def changing_facts(facts: Facts) -> Effects | None:
    """For new or changing facts, look them up; don't tune them in.

    Facts belong into the prompt, by retrieval, where they can be replaced. In question answering the facts are the
    answer, so whatever would hold them in its weights is out. In other tasks labels or form may still be learned by
    tuning, so there it is no block; whatever is trained, be it a small classifier, goes stale. Where answers are
    written, a prompt without the facts cannot hold them either.

    What to do: index the documents that hold the facts, retrieve passages for each question, and tune for form only.
    """
    if not facts.facts_change:
        return None

    def because() -> str:
        rows = f"what is learned from your {count(facts.rows, 'row')}" if facts.rows else "what is tuned in"
        return (
            f"Your brief says right answers need new or changing facts; {rows} goes stale in the weights, retrieved "
            "text in a prompt can be replaced."
        )

    stale = _USELESS if facts.task == "question-answering" else _STALE
    found = push(because, 1.0, retrieval="+S", baseline="-W", linear_probe="-W", setfit="-W", **stale)
    if facts.classification:
        return found
    return found + spread(
        "New facts are not among what the model knows, and a fixed prompt does not hold them.",
        1.0,
        _FIXED,
    )


@rule(
    id="small-model-little-knowledge",
    strength="M",
    source="LoRA Land (Predibase 2024; counted from its results): where knowledge decides, the larger base stays "
    "ahead; that question answering is such a task is our line",
    touches=("zero_shot", "few_shot", "many_shot", "retrieval", *_TOO_SMALL),
    thresholds=(SMALL_BASE,),
    example={"task": "question-answering", "model_kind": "causal", "model_parameters": 1_000_000_000},
)
def small_model(facts: Facts) -> Effects | None:
    """For a task that lives on knowledge, take a bigger model before tuning a small one.

    What a model knows was learned in pretraining, and grows with its size; tuning teaches form better than facts.
    Passages given in the prompt make up for some of it.

    What to do: compare a model several times as large, prompted, with the small one, before you tune either.
    """
    if facts.task != "question-answering" or facts.model_kind != "causal" or facts.model_parameters is None:
        return None
    size = facts.model_parameters
    return push(
        lambda: (
            f"Question answering lives on knowledge, and {facts.model_name} has {weights(size)} parameters; a model "
            f"of {SMALL_BASE.high / 1e9:g}B or more knows more than tuning can teach."
        ),
        1 - SMALL_BASE.grade(size),
        zero_shot="-M",
        few_shot="-W",
        many_shot="-W",
        retrieval="+W",
        **_TOO_SMALL,
    )


RULES = (changing_facts, small_model)
