"""Deployment: what the finished model will meet, how fast it must be, and what it must not forget or give away."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, nats, push, rule, spread, weights
from advisor.rules.groups import ADAPTERS, ALL_WEIGHTS, DEMONSTRATIONS, PARTIAL, PROMPTED, each

SHORT_LATENCY = Threshold("latency_ms", 50, 500, "ms", "our line")
TARGET_ROWS = Threshold("unlabelled_rows", 300, 5_000, "rows", "our line")
HEAVY_SERVING = Threshold("requests_per_month", 300_000, 30_000_000, "requests a month", "our line")
LARGE_TO_SERVE = Threshold("model_parameters", 3e8, 5e9, "parameters", "our line")

TO_LABEL = Threshold("unlabelled_rows", 3_000, 300_000, "rows", "our line")

_SERVED = (*PROMPTED, "retrieval", "linear_probe", "setfit", *ADAPTERS, *PARTIAL, *ALL_WEIGHTS)
_TEACH = nats(**each(_SERVED, "-S"), distillation="+S")
_FAST = nats(**each(_SERVED, "-M"), distillation="+M")
_LONG_PROMPTS = nats(**each((*DEMONSTRATIONS, "retrieval"), "-W"))


@rule(
    id="shift-linear-probe",
    strength="S",
    source="Kumar et al. 2022 (abstract): against a linear probe, full fine-tuning gains 2 points in distribution "
    "and loses 7 out of it; probing first, then tuning (LP-FT), repairs it; Wortsman et al. 2022 "
    "(WiSE-FT; abstract, from memory): averaging tuned with pretrained weights is more robust",
    touches=("linear_probe", "setfit", "full"),
    example={"expects_shift": True},
)
def shift_linear_probe(facts: Facts) -> Effects | None:
    """Where the texts in use will differ from the rows at hand, keep the features frozen.

    Full fine-tuning bends the features to the training rows. Ours starts from the linear probe (LP-FT), which lessens
    the harm, so it is only weakly held against it.

    What to do: keep a test set from the later source, and average tuned with pretrained weights if you tune.
    """
    if not facts.expects_shift:
        return None

    def because() -> str:
        rows = "rows at hand" if facts.rows is None else f"{facts.rows:,} rows"
        return (
            f"You expect texts unlike your {rows}; frozen features held up better under shift (by 7 points on "
            "average). If you tune, average the tuned weights with the pretrained ones (WiSE)."
        )

    return push(because, linear_probe="+S", setfit="-W", full="-W")


@rule(
    id="input-shift-early-layers",
    strength="M",
    source="Lee et al. 2023 (surgical fine-tuning; abstract, from memory): under input-level shift, tuning the first "
    "layers alone is best",
    touches=("early_layers",),
    example={"expects_shift": True, "shift_kind": "input"},
)
def input_shift(facts: Facts) -> Effects | None:
    """Where texts will look different but mean the same, tune the early layers.

    The first layers read the surface, the last ones decide; only what reads the surface needs to change.

    What to do: freeze all but the embeddings and the first quarter of the layers, and tune on texts of the new kind.
    """
    if not facts.expects_shift or facts.shift_kind != "input":
        return None
    because = "Your texts in use will look different (shift_kind input), and the early layers read the surface."
    return push(because, early_layers="+M")


@rule(
    id="output-shift-top-layers",
    strength="M",
    source="Lee et al. 2023 (surgical fine-tuning; abstract, from memory): under output-level shift, tuning the last "
    "layers alone is best",
    touches=("top_layers", "linear_probe"),
    example={"expects_shift": True, "shift_kind": "output"},
)
def output_shift(facts: Facts) -> Effects | None:
    """Where right answers will change but texts stay alike, tune the last layers.

    What the model sees in a text stays true; only what decides needs to change, and it can be changed again.

    What to do: freeze all but the last quarter of the layers and the head, and keep rows of the new kind coming.
    """
    if not facts.expects_shift or facts.shift_kind != "output":
        return None
    because = "Your right answers will change while texts stay alike (shift_kind output), and the last layers decide."
    return push(because, top_layers="+M", linear_probe="+W")


@rule(
    id="input-shift-domain-alignment",
    strength="M",
    source="Ganin et al. 2016 (domain-adversarial training, DANN; from memory): features that do not tell source from "
    "target raise accuracy on the target without its labels; the band is our line",
    touches=("domain_alignment",),
    thresholds=(TARGET_ROWS,),
    example={"expects_shift": True, "shift_kind": "input", "unlabelled_rows": 10_000},
)
def alignment(facts: Facts) -> Effects | None:
    """Where texts in use look different and many of them are at hand unlabelled, consider aligning the two domains.

    An adversary tries to tell your rows from texts in use by their features; the model learns features it cannot tell
    them by. It takes unlabelled texts of the new kind; without any it is out.

    What to do: train with a domain classifier behind a gradient reversal, and compare with a linear probe on the new
    kind of text, of which a few hundred rows must be labelled for the test.
    """
    if facts.expects_shift is False:
        return push("You expect no shift, so there is nothing to align.", domain_alignment="-M")
    if not facts.expects_shift or facts.shift_kind != "input":
        return None
    rows = facts.unlabelled_rows
    if rows is None:
        return None
    if rows == 0:
        return push("Alignment learns from unlabelled texts of the new kind; you have 0.", domain_alignment="block")
    return push(
        lambda: f"You expect texts that look different and have {rows:,} unlabelled ones to align the model with.",
        TARGET_ROWS.grade(rows),
        domain_alignment="+M",
    )


@rule(
    id="short-latency-short-prompt",
    strength="W",
    source="arithmetic: time to answer grows with the tokens read (the band around 100 to 200 ms is our line)",
    touches=(*DEMONSTRATIONS, "retrieval"),
    thresholds=(SHORT_LATENCY,),
    example={"model_kind": "causal", "latency_ms": 50},
)
def short_latency(facts: Facts) -> Effects | None:
    """Where an answer may take 100 ms at most, long prompts are too slow.

    All of the prompt is read before the first token is written, and what is retrieved has to be found first.

    What to do: cache the part of the prompt that stays the same, or tune so that it is not needed.
    """
    if facts.model_kind != "causal":
        return None
    limit = facts.latency_ms
    if limit is None or limit >= SHORT_LATENCY.high:
        return None
    return spread(
        lambda: f"One answer may take {limit:g} ms; every example in the prompt is read before it.",
        1 - SHORT_LATENCY.grade(limit),
        _LONG_PROMPTS,
    )


@rule(
    id="serving-dominates-distillation",
    strength="S",
    source="arithmetic: an answer takes 2 FLOPs per weight and token, so a model a tenth of the size answers at a "
    "tenth of the cost; Hinton et al. 2015 (from memory): a small model learns from a large one's answers",
    touches=tuple(_TEACH),
    thresholds=(LARGE_TO_SERVE, HEAVY_SERVING),
    example={"model_kind": "causal", "model_parameters": 7_000_000_000, "requests_per_month": 30_000_000},
)
def serving_dominates(facts: Facts) -> Effects | None:
    """Where a large model would answer very often, teach a small one with its answers.

    Training is paid once, serving every day. From millions of requests a month the size of what is served matters more
    than what teaching it costs. It speaks alike against whatever leaves the large model itself to answer: prompted,
    frozen or tuned.

    What to do: let the large model label texts of the task, train an encoder of some 100M weights on them, and compare.
    """
    large = _large_to_serve(facts)
    if not large:
        return None
    requests = facts.requests_per_month
    if requests is None:
        return None
    return spread(
        lambda: (
            f"At {requests:,} requests a month, the {weights(facts.model_parameters or 0)} parameters of "
            f"{facts.model_name} cost more to serve than a small model costs to teach."
        ),
        large * HEAVY_SERVING.grade(requests),
        _TEACH,
    )


@rule(
    id="latency-wants-a-small-model",
    strength="M",
    source="arithmetic: each token of an answer reads every weight once, 16 GB of them in an 8B model at 16 bits, "
    "which takes some 50 ms at 300 GB a second and 5 ms at 3,000; the bands are our lines",
    touches=tuple(_FAST),
    thresholds=(LARGE_TO_SERVE, SHORT_LATENCY),
    example={"model_kind": "causal", "model_parameters": 7_000_000_000, "latency_ms": 50},
)
def latency_small_model(facts: Facts) -> Effects | None:
    """Where an answer may take a tenth of a second, a model of billions of weights is too slow on most hardware.

    A reason of its own beside the price of serving: a large model's time to answer cannot be bought down for every
    budget, while a small encoder answers in milliseconds on a CPU.

    What to do: time the large model on the hardware that will serve it; where it is too slow, teach a small one.
    """
    large = _large_to_serve(facts)
    if not large:
        return None
    limit = facts.latency_ms
    if limit is None:
        return None
    return spread(
        lambda: (
            f"One answer may take {limit:g} ms, and {facts.model_name} reads {weights(facts.model_parameters or 0)} "
            "weights for each token; a small model answers in milliseconds."
        ),
        large * (1 - SHORT_LATENCY.grade(limit)),
        _FAST,
    )


@rule(
    id="unlabelled-rows-teach-a-small-model",
    strength="M",
    source="Hinton et al. 2015 (from memory): a small model learns from a large one's answers, which need no labels of "
    "people; the band is our line",
    touches=("distillation",),
    thresholds=(LARGE_TO_SERVE, TO_LABEL),
    example={"model_kind": "causal", "model_parameters": 7_000_000_000, "unlabelled_rows": 500_000},
)
def unlabelled_teach(facts: Facts) -> Effects | None:
    """Where a large model can label many texts of the task, a small one has much to learn from.

    The labels cost one answer each, and the small model needs as many as it would of people's. It is as good a teacher
    as its answers are right.

    What to do: check some hundred of its answers, let it label the rest, and leave out those it is not sure of.
    """
    large = _large_to_serve(facts)
    if not large:
        return None
    rows = facts.unlabelled_rows
    if rows is None:
        return None
    return push(
        lambda: f"You have {rows:,} unlabelled rows; {facts.model_name} can label them to teach a small model.",
        large * TO_LABEL.grade(rows) if rows else 0.0,
        distillation="+M",
    )


def _large_to_serve(facts: Facts) -> float:
    """Return the degree to which the model is a causal LM large enough for its serving to matter."""
    if facts.model_kind != "causal" or facts.model_parameters is None:
        return 0.0
    return LARGE_TO_SERVE.grade(facts.model_parameters)


@rule(
    id="retention-replay",
    strength="S",
    source="PEFT method comparison: .050 nats forgotten on general text by LoRA r32, .030 by full fine-tuning at a "
    "learning rate of 1e-5, .314 by IA3 at 5e-3, .198 to 1.785 by prefix tuning; Ibrahim et al. 2024 (abstract): "
    "replay of earlier text keeps what was learned; the 1 to 5 % are from memory",
    touches=("ia3", "lora", "qlora", "dora", "full", "tapt", "dapt"),
    example={"model_kind": "causal", "retention_required": True},
)
def retention(facts: Facts) -> Effects | None:
    """Where general ability must be kept, replay general text, keep the learning rate low, and measure what is lost.

    How much is forgotten depends on the learning rate more than on the method, so this says how to train. Continued
    pretraining, which moves the weights furthest, is held back.

    What to do: mix in 1 to 5 % of general text, and compare nats per token on general text before and after.
    """
    if facts.model_kind == "encoder" or not facts.retention_required:
        return None
    because = (
        f"Your brief asks {facts.model_name} to keep its general ability; replay 1 to 5 % of general text, and measure "
        "the nats per token it loses."
    )
    notes = push(because, 1.0, **each(("ia3", "lora", "qlora", "dora", "full"), "note"))
    return notes + push(because, tapt="-W", dapt="-M")


@rule(
    id="data-stays-here",
    strength="S",
    source="by construction: what may not leave cannot be sent to a hosted model",
    touches=(*PROMPTED, "retrieval", "distillation"),
    example={"model_kind": "causal", "data_may_leave": False},
)
def data_stays(facts: Facts) -> Effects | None:
    """Where texts may not leave, prompt a model that runs on your own machines.

    Prompts carry the texts themselves. Hosted models are not among the strategies here; scores and prices of hosted
    models are out of reach too, and so are their answers as teaching.

    What to do: prompt an open model on your own machine, and take its score, not a hosted one's, as prompted_score.
    """
    if facts.model_kind == "encoder" or facts.data_may_leave is not False:
        return None
    because = (
        "Your texts may not leave: prompt a model on your own machines, and count no hosted model's score or price."
    )
    return push(because, 1.0, **each((*PROMPTED, "retrieval", "distillation"), "note"))


RULES = (
    shift_linear_probe,
    input_shift,
    output_shift,
    alignment,
    short_latency,
    serving_dominates,
    latency_small_model,
    unlabelled_teach,
    retention,
    data_stays,
)
