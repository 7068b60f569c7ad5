"""Adapters: which form of parameter-efficient tuning."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, push, rule, spread, weights
from advisor.rules.groups import HEAVY, LORAS, WHOLE, WRITES, each

LORA_SUFFICES = Threshold(
    "train_rows", 200_000, 800_000, "training rows", "Hu et al. 2021, table 16 ends at 392,000; the band is ours"
)
PROMPT_TUNING = Threshold(
    "train_rows", 1_000, 400_000, "training rows", "Hu et al. 2021, table 16: far behind at 1,000, near at 392,000"
)
IA3_ROWS = Threshold("train_rows", 50, 200, "training rows", "Liu et al. 2022: 41 rows in the median; the band is ours")

_NOT_ALL = nats(**each(WHOLE, "-M"))
_LORAS = nats(**each(LORAS, "+W"))
_HEAVIER = {"ia3": 0.0} | nats(**each(HEAVY, "-W"))


@rule(
    id="llm-lora-default",
    strength="S",
    source="Hu et al. 2021 (LoRA), table 16, MNLI-n on GPT-3: LoRA 63.8 / 85.6 / 89.2 / 91.7 against 60.2 / 85.8 / "
    "88.9 / 89.5 in full at 100 / 1k / 10k / 392k rows; LoRA Without Regret (2025): about 67 % of the FLOPs; Biderman "
    "et al. 2024: full ahead on code with billions of tokens",
    touches=(*LORAS, *WHOLE),
    thresholds=(LORA_SUFFICES,),
    example={"model_kind": "causal", "rows": 5_000},
)
def llm_lora_default(facts: Facts) -> Effects | None:
    """To tune a causal LM on up to some 400,000 short rows, take LoRA.

    At these sizes it is as good as full fine-tuning at two thirds of the compute and a fraction of the memory. The
    evidence is strong, but about LoRA against full: it speaks against tuning all weights, and only weakly for LoRA,
    of which it does not say that it beats a prompt.

    What to do: LoRA on all linear layers; QLoRA where that does not fit.
    """
    # What writes answers is a causal LM, named or not.
    if not (facts.task in WRITES if facts.model_kind is None else facts.causal):
        return None
    rows = facts.train_rows

    def because() -> str:
        have = "" if rows is None else f", and you have {count(rows, 'training row')}"
        return (
            f"A causal LM is to be tuned{have}; up to about 400,000 LoRA matched full fine-tuning at two thirds of the "
            "compute."
        )

    lora = spread(because, 1.0, _LORAS)
    return lora if rows is None else lora + spread(because, 1 - LORA_SUFFICES.grade(rows), _NOT_ALL)


@rule(
    id="prompt-tuning-needs-rows",
    strength="S",
    source="Hu et al. 2021 (LoRA), table 16, MNLI-n on GPT-3: prefix-embedding tuning 37.6 / 75.2 / 79.5 / 88.6 "
    "against LoRA's 63.8 / 85.6 / 89.2 / 91.7 at 100 / 1k / 10k / 392k rows; Liu et al. 2022 (T-Few), table 4",
    touches=("prompt_tuning",),
    thresholds=(PROMPT_TUNING,),
    example={"rows": 20_000},
)
def prompt_tuning(facts: Facts) -> Effects | None:
    """Don't tune soft prompts on under 1,000 training rows, and don't expect much of them before 400,000.

    Vectors in front of the input learn slowly: 26 points behind LoRA at 100 rows, 10 at 1,000 and 10,000, 3 at 392,000.

    What to do: take LoRA; soft prompts only where nothing else can be stored for each of very many tasks.
    """
    rows = facts.train_rows
    if rows is None or rows >= PROMPT_TUNING.high:
        return None
    if rows < PROMPT_TUNING.low:
        return push(
            lambda: f"You have {count(rows, 'training row')}, under 1,000: too few to learn a soft prompt.",
            prompt_tuning="block",
        )
    return push(
        lambda: (
            f"You have {count(rows, 'training row')}; soft prompts stayed well behind LoRA {PROMPT_TUNING.band}, the "
            "more so the fewer."
        ),
        1 - PROMPT_TUNING.grade(rows),
        prompt_tuning="-S",
    )


@rule(
    id="ia3-few-rows-instruct",
    strength="M",
    source="Liu et al. 2022 (T-Few), table 9: IA3 on an instruction-tuned model, 41 rows in the median; PEFT method "
    "comparison: IA3 31.1 to 45.5 by learning rate, LoRA 47.8",
    touches=("ia3", *HEAVY),
    thresholds=(IA3_ROWS,),
    example={"model_kind": "causal", "instruction_tuned": True, "rows": 40},
)
def ia3(facts: Facts) -> Effects | None:
    """IA3 suits under about 100 rows on an instruction-tuned model, and nothing else.

    It learns one factor for each channel, so few that some tens of rows settle them; with more rows it has too little
    to learn with. On a base model or an encoder it has nothing to steer.

    What to do: with tens of rows and an instruction-tuned model try IA3 before LoRA, at a learning rate from 3e-3.
    """
    instruct = facts.instruct
    if instruct is None:
        return None
    if not instruct:
        return push(lambda: f"IA3 steers instruction-tuned models, and {facts.model_name} is none.", ia3="-M")
    rows = facts.train_rows
    if rows is None or rows >= IA3_ROWS.high:
        return None
    return spread(
        lambda: (
            f"With {count(rows, 'training row')} and {facts.model_name} instruction-tuned, IA3's few weights (learning "
            "rate 3e-3 or more) are settled sooner than those of heavier tuning."
        ),
        1 - IA3_ROWS.grade(rows),
        _HEAVIER,
    )


@rule(
    id="dora-not-default",
    strength="W",
    source="Liu et al. 2024 (DoRA, abstract): 1.0 to 4.4 points over LoRA; PEFT method comparison: 46.9 against LoRA's "
    "47.8 on Llama-3.2-3B, and 17 % slower",
    touches=("dora",),
    example={"model_kind": "causal", "model_parameters": 7_000_000_000},
)
def dora(facts: Facts) -> Effects | None:
    """Don't take DoRA by default: its gains over LoRA were not found again, its cost was.

    At ranks up to 8 its separate magnitudes may still help. The same holds for PiSSA and other ways to start LoRA:
    plain LoRA with its learning rate tuned often does as well (abstracts).

    What to do: take LoRA with its learning rate tuned; try DoRA where the rank must be 8 or less.
    """
    if not facts.causal:
        return None

    def because() -> str:
        size = facts.model_parameters
        large = "" if size is None else f" ({weights(size)} parameters)"
        return (
            f"Before DoRA, try LoRA on {facts.model_name}{large}: on Llama-3.2-3B DoRA was 17 % slower and no better; "
            "keep it for ranks up to 8, and PiSSA likewise for a second try."
        )

    return push(because, dora="-W")


RULES = (llm_lora_default, prompt_tuning, ia3, dora)
