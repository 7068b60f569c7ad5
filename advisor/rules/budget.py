"""Budget: hours, money and compute against what training, prompting and labelling cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from advisor.costs import LEAST_PASSES, LEAST_STEPS, SHARE_OF_FULL, full_hours, full_money, hourly_price, reckoned_gpu
from advisor.facts import Facts
from advisor.rules.base import BLOCK, LOG_ODDS, Effect, Effects, Threshold, count, nats, push, rule, spread, weights
from advisor.rules.groups import DEMONSTRATIONS, TUNED, each

_MFU = "the estimate supposes 30 % of the data sheet's FLOP/s; trainings see 12 to 45 %"
HOURS = Threshold("hours", 0.67, 2.5, "times the hours allowed", _MFU)
MONEY = Threshold("money", 0.67, 2.5, "times the money allowed", _MFU)
SLOW_ON_CPU = Threshold("model_parameters", 1.5e8, 3e9, "parameters", "our line: base-size encoders train in minutes")
DAYS_ON_CPU = Threshold("model_parameters", 1e9, 5e9, "parameters", "our line: a step of 16 rows takes minutes")
BREAK_EVEN = Threshold("token_price", 10, 365, "days until a training has paid for itself", "our line")
PROMPT_VOLUME = Threshold(
    "prompt_tokens", 3e7, 3e9, "prompt tokens a month", "our line: 300,000 requests of 1,000 tokens"
)
DAYS_A_MONTH = 30
CPU_FLOPS = 0.33e12
"""Operations a second that a training on a CPU sees: a third of some 10¹²."""

_LONG_PROMPTS = nats(**each(DEMONSTRATIONS, "-M"))
_HEAVY = each(("full", "domain_alignment", "tapt", "dapt", "distillation", "from_scratch"), "-M")


@rule(
    id="training-fits-hours",
    strength="S",
    source=f"arithmetic: 6 FLOPs per weight and token (LoRA 4), {LEAST_STEPS} steps of 16 rows; {_MFU}",
    touches=tuple(SHARE_OF_FULL),
    thresholds=(HOURS,),
    example={"model_parameters": 7_000_000_000, "gpu": "T4", "input_tokens": 1_000, "hours": 1},
)
def training_fits_hours(facts: Facts) -> Effects | None:
    """Hold back a strategy whose shortest training takes longer than you allow.

    The estimate is of a training of 200 steps, however many rows there are: rows that the hours do not suffice for can
    be left out. It is good to a factor of two, and so is the band around the hours you allow.

    What to do: take a lighter strategy, a smaller model or a faster GPU, or train on a part of the rows.
    """
    if facts.hours is None:
        return None
    full = full_hours(facts)
    if full is None:
        return None
    allowed = facts.hours
    return _breaks(
        full,
        allowed,
        HOURS,
        lambda strategy: (
            f"The shortest training ({LEAST_STEPS} steps) takes about {full * SHARE_OF_FULL[strategy]:,.2g} h on "
            f"{reckoned_gpu(facts)}; you allow {allowed:,g} h."
        ),
    )


@rule(
    id="training-fits-money",
    strength="S",
    source=f"arithmetic: hours of the shortest training times the price of the GPU; {_MFU}",
    touches=tuple(SHARE_OF_FULL),
    thresholds=(MONEY,),
    example={"model_parameters": 70_000_000_000, "gpu": "A100-80", "input_tokens": 2_000, "money": 5},
)
def training_fits_money(facts: Facts) -> Effects | None:
    """Hold back a strategy whose shortest training costs more than you allow.

    As for the hours: 200 steps, good to a factor of two. Where you gave no price, the usual one of the GPU counts; for
    a GPU of your own set gpu_hourly_price to 0.

    What to do: take a lighter strategy or a smaller model; a cheaper GPU seldom helps, since it takes longer.
    """
    if facts.money is None:
        return None
    full = full_money(facts)
    if full is None:
        return None
    allowed = facts.money
    return _breaks(
        full,
        allowed,
        MONEY,
        lambda strategy: (
            f"The shortest training ({LEAST_STEPS} steps) costs about {full * SHARE_OF_FULL[strategy]:,.2f} on "
            f"{reckoned_gpu(facts)} at {_price(facts)}; you allow {allowed:,g}."
        ),
        rented=facts.gpu is not None,
    )


def _price(facts: Facts) -> str:
    """Name the price of an hour, and whose it is."""
    usual = ", the usual price of that GPU" if facts.gpu_hourly_price is None else ""
    return f"{hourly_price(facts):g} an hour{usual}"


def _breaks(
    full: float, allowed: float, line: Threshold, because: Callable[[str], str], *, rented: bool = False
) -> Effects | None:
    """Hold against each strategy by how far its cost, a share of that of full fine-tuning, breaks what is allowed.

    Where nothing is allowed, whatever costs something is out on a GPU that was named. One of which only the memory is
    known may be the user's own.
    """
    if not allowed and full and rented:
        return tuple(Effect(partial(because, strategy), {strategy: BLOCK}) for strategy in SHARE_OF_FULL)
    if full * _DEAREST <= line.low * allowed:
        return None
    share = full / allowed if allowed else math.inf
    found = []
    for strategy, multiple in SHARE_OF_FULL.items():
        by = line.grade(share * multiple)
        if by >= 0.01:
            found.append(Effect(partial(because, strategy), {strategy: -LOG_ODDS["S"] * by}))
    return tuple(found)


_DEAREST = max(SHARE_OF_FULL.values())


@rule(
    id="cpu-slow-for-large-models",
    strength="S",
    source="arithmetic: a CPU does some 10¹² operations a second against some 10¹⁴ of a GPU (the band is our line)",
    touches=("setfit", *TUNED, "from_scratch"),
    thresholds=(SLOW_ON_CPU,),
    example={"model_parameters": 3_000_000_000, "gpu_memory_gb": 0},
)
def cpu_slow(facts: Facts) -> Effects | None:
    """Without an accelerator, tuning a large model is a hundred times slower.

    A base-size encoder trains on a CPU in minutes to hours; ten times the weights take ten times as long.

    What to do: take a small model, frozen features, or an hour of a rented GPU.
    """
    parameters = facts.model_parameters
    if parameters is None or parameters <= SLOW_ON_CPU.low or facts.gpu_bytes != 0:
        return None
    return spread(
        lambda: f"Without an accelerator, each step on {weights(parameters)} parameters takes a hundred times as long.",
        SLOW_ON_CPU.grade(parameters),
        _ON_CPU,
    )


@rule(
    id="cpu-days-for-billions",
    strength="S",
    source="arithmetic: LoRA on 8 billion weights, 200 steps of 16 rows of 300 tokens, takes 3 × 10¹⁶ operations: 9 "
    "hours at a CPU's 10¹² a second, over a day at the third of them that trainings see (the band is our line)",
    touches=("setfit", *TUNED, "from_scratch"),
    thresholds=(DAYS_ON_CPU,),
    example={"model_parameters": 8_000_000_000, "gpu_memory_gb": 0},
)
def cpu_days(facts: Facts) -> Effects | None:
    """Without an accelerator, don't tune a model of billions of parameters.

    Slow becomes hopeless: from hours for the shortest training of one billion to days for many, and every trial of a
    learning rate takes them again.
    A prompt or a classifier on frozen features reads each text once.

    What to do: prompt the model, take one of some 100 million weights, or rent a GPU for an hour.
    """
    parameters = facts.model_parameters
    if parameters is None or parameters <= DAYS_ON_CPU.low or facts.gpu_bytes != 0:
        return None
    return spread(
        lambda: (
            f"On a CPU, even the shortest LoRA training of {weights(parameters)} parameters takes some "
            f"{4 * parameters * LEAST_PASSES * 300 / CPU_FLOPS / 3_600:,.2g} hours, and so does each trial."
        ),
        DAYS_ON_CPU.grade(parameters),
        _ON_CPU,
    )


_ON_CPU = nats(**each(("setfit", *TUNED, "from_scratch"), "-S"))


@rule(
    id="limited-compute-light",
    strength="M",
    source="LoRA Without Regret (2025): LoRA takes about 67 % of the FLOPs of full fine-tuning; frozen features are "
    "computed once; Lee et al. 2019 (abstract): tuning the last quarter of layers keeps 90 % of the quality",
    touches=("linear_probe", "top_layers", *_HEAVY),
    example={"compute": "limited"},
)
def limited_compute(facts: Facts) -> Effects | None:
    """With limited compute, keep to what is cheap to train.

    Frozen features are computed once. Of an encoder's layers, the last quarter keeps most of the gain of them all.

    What to do: train a classifier on frozen features first, then the top quarter of the layers, or adapters.
    """
    if facts.compute != "limited":
        return None
    size = "" if facts.model_parameters is None else f" of {weights(facts.model_parameters)} parameters"
    because = (
        f"Your compute is limited; frozen features of a model{size} are computed once, tuning computes them anew at "
        "every step."
    )
    found = push(because, 1.0, linear_probe="+W", **_HEAVY)
    if facts.model_kind != "encoder":
        return found
    return found + push(
        "Your compute is limited; the last quarter of an encoder keeps 90 % of the quality.", top_layers="+M"
    )


@rule(
    id="many-requests-long-prompt",
    strength="M",
    source="arithmetic: every request carries the demonstrations again (the band is our line)",
    touches=DEMONSTRATIONS,
    thresholds=(PROMPT_VOLUME,),
    example={"model_kind": "causal", "requests_per_month": 1_500_000, "prompt_tokens": 2_000},
)
def many_requests_long_prompt(facts: Facts) -> Effects | None:
    """With many requests, the examples in a prompt cost more than a tuning that makes them needless.

    A prompt is read again with every request. Where prices are known, the break-even is reckoned instead.

    What to do: tune once the prompt is right, on the answers it gave and people checked.
    """
    if facts.model_kind != "causal" or facts.requests_per_month is None or facts.prompt_tokens is None:
        return None
    a_month = facts.prompt_tokens * facts.requests_per_month
    if a_month <= PROMPT_VOLUME.low or _break_even(facts) is not None:
        return None
    return spread(
        lambda: (
            f"A prompt of {count(facts.prompt_tokens or 0, 'token')} is read again with each of "
            f"{count(facts.requests_per_month or 0, 'request')} a month, {_millions(a_month)} tokens in all."
        ),
        PROMPT_VOLUME.grade(a_month),
        _LONG_PROMPTS,
    )


def _millions(number: float) -> str:
    """Write a number of tokens in millions."""
    millions = number / 1e6
    return f"{millions:,.0f} million" if millions >= 10 else f"{millions:.2g} million"


def _break_even(facts: Facts) -> float | None:
    """Return the days after which a LoRA training has paid for the prompt it saves; None where it is not known."""
    if facts.token_price is None:
        return None
    money = full_money(facts)
    if money is None:
        return None
    saved = (facts.prompt_tokens or 0) * (facts.requests_per_month or 0) * facts.token_price / 1e6
    return DAYS_A_MONTH * money * SHARE_OF_FULL["lora"] / saved if saved else float("inf")


@rule(
    id="long-prompt-break-even",
    strength="S",
    source="arithmetic: price of a training over tokens saved a month times their price (the band is our line)",
    touches=DEMONSTRATIONS,
    thresholds=(BREAK_EVEN,),
    example={
        "model_kind": "causal", "requests_per_month": 300_000, "prompt_tokens": 2_000, "token_price": 0.5,
        "model_parameters": 7_000_000_000, "gpu": "A100-80", "input_tokens": 300,
    },
)  # fmt: skip
def long_prompt_break_even(facts: Facts) -> Effects | None:
    """Where a training pays for itself within weeks by the prompt it saves, train.

    What a tuned model knows need not be said in each prompt. The price is that of the shortest LoRA training, without
    labels and your own time, so days in single figures mean soon, not tomorrow.

    What to do: multiply the figure by the trainings you expect to need, and add what the labels cost.
    """
    if facts.model_kind != "causal" or facts.requests_per_month is None or facts.prompt_tokens is None:
        return None
    days = _break_even(facts)
    if days is None or days >= BREAK_EVEN.high:
        return None

    def because() -> str:
        saved = (facts.prompt_tokens or 0) * (facts.requests_per_month or 0) / 1e6
        price = facts.token_price or 0.0
        cost = days / DAYS_A_MONTH * saved * price
        rows = facts.train_rows
        all_rows = "" if not rows else f" ({3 * rows * cost / LEAST_PASSES:,.2f} for three passes over your rows)"
        after = f"after {days:,.2g} days" if days >= 1 else "within a day"
        return (
            f"The shortest LoRA training costs about {cost:,.2f}{all_rows}; it saves {_millions(saved * 1e6)} prompt "
            f"tokens a month at {price:g} a million, {saved * price:,.2f} a month, and is paid for {after}."
        )

    return push(because, 1 - BREAK_EVEN.grade(days), few_shot="-S", few_shot_retrieved="-S", many_shot="-S")


@rule(
    id="more-labels-price",
    strength="S",
    source="arithmetic: rows times the price of a label",
    touches=("linear_probe", "lora", "full"),
    example={"rows": 500, "rows_obtainable": 5_000, "label_price": 0.2},
)
def more_labels(facts: Facts) -> Effects | None:
    """Know what twice the labels would cost before you buy compute.

    Scores rise with the logarithm of the rows, so doubling is the step to reckon in. It speaks for no strategy.

    What to do: compare that price with the gain that the learning curve predicts for twice the rows.
    """
    rows = facts.rows
    if not rows or facts.rows_obtainable is None or facts.rows_obtainable <= rows or facts.label_price is None:
        return None
    more = min(rows, facts.rows_obtainable - rows)
    return push(
        lambda: (
            f"Labelling {count(more, 'row')} more, to {rows + more:,}, costs {more * (facts.label_price or 0):,.0f} at "
            f"{facts.label_price:g} each."
        ),
        linear_probe="note",
        lora="note",
        full="note",
    )


@rule(
    id="several-gpus-shard",
    strength="M",
    source="common practice (FSDP or DeepSpeed ZeRO: states are split over the GPUs, activations are not)",
    touches=("lora", "full", "tapt", "dapt"),
    example={"gpus": 8, "gpu": "A100-80"},
)
def several_gpus(facts: Facts) -> Effects | None:
    """With several GPUs, shard what one cannot hold, and copy what it can.

    Their memory adds up for weights, gradients and optimiser only when these are sharded; a model that fits one GPU
    trains faster with a copy on each.

    What to do: FSDP or ZeRO-3 where one GPU is too small, data parallel else; divide the batch by their number.
    """
    if not facts.gpus or facts.gpus < 2:
        return None
    because = (
        f"You have {facts.gpus} GPUs; their memory adds up only if weights and optimiser are sharded (FSDP, ZeRO-3)."
    )
    return push(because, 1.0, **each(("lora", "full", "tapt", "dapt"), "note"))


RULES = (
    training_fits_hours,
    training_fits_money,
    cpu_slow,
    cpu_days,
    limited_compute,
    many_requests_long_prompt,
    long_prompt_break_even,
    more_labels,
    several_gpus,
)
