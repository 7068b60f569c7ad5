"""Memory and four bits: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules import quantisation, resources
from advisor.rules.groups import ALL_WEIGHTS, FROZEN_ADAPTERS, PARTIAL, PROMPTED
from tests.advisor.rules.cases import Case, check, check_rule, facts_of, name, weights

RULES = (*resources.RULES, *quantisation.RULES)
WEIGHTS, LORA, PART, FULL = "weights-fit-memory", "lora-fits-memory", "partial-fits-memory", "full-fits-memory"
FULL_TIGHT, LORA_TIGHT = "full-leaves-little-memory", "lora-leaves-little-memory"
ON_GPU, FOUR_BIT, QLORA = "qlora-needs-accelerator", "qlora-fits-memory", "qlora-where-lora-is-tight"
RUNS = (*PROMPTED, "retrieval", "linear_probe", "setfit", *FROZEN_ADAPTERS, *PARTIAL, *ALL_WEIGHTS)
ALL = ("setfit", *ALL_WEIGHTS, "from_scratch")
BILLION = {"model_parameters": 1_000_000_000}
BLOCK = -float("inf")


def gpu(gb: float) -> dict[str, object]:
    return {**BILLION, "gpu_memory_gb": gb, "gpus": 1}


def cpu(gb: float) -> dict[str, object]:
    return {**BILLION, "device": "cpu", "memory_bytes": round(gb * 1e9)}


def all_of(names: tuple[str, ...], nats: float) -> dict[str, float]:
    return dict.fromkeys(names, nats)


NO_GPU = ("gpu_memory_gb", "gpu")
NO_MACHINE = ("gpu_memory_gb", "gpu")

CASES = [
    Case(WEIGHTS, cpu(4.4), all_of(RUNS, BLOCK), "4.0 GB"),
    Case(WEIGHTS, cpu(4.5), waits=NO_GPU),
    Case(WEIGHTS, {"model_parameters": 70 * 10**9, "gpu": "RTX4090"}, all_of(RUNS, BLOCK), "24 GB of RTX4090"),
    Case(WEIGHTS, gpu(1), all_of(RUNS, -1.6), "main memory"),
    Case(WEIGHTS, gpu(1.7213), all_of(RUNS, -0.8), "2.0 GB"),
    Case(WEIGHTS, gpu(2.23)),
    Case(WEIGHTS, BILLION, waits=NO_MACHINE),
    Case(WEIGHTS, {"gpu_memory_gb": 8}, waits=("model_parameters",)),
    Case(LORA, cpu(4.6), all_of(FROZEN_ADAPTERS, BLOCK), "4.2 GB"),
    Case(LORA, cpu(4.63), waits=NO_GPU),
    Case(LORA, gpu(1.4), all_of(FROZEN_ADAPTERS, -1.6), "2.2 GB"),
    Case(LORA, gpu(2.41)),
    Case(LORA, {"model_parameters": 7 * 10**9, "gpu": "T4", "gpus": 2}, waits=("gpu_memory_gb",)),
    Case(LORA, {"gpu": "T4"}, waits=("model_parameters",)),
    Case(PART, cpu(8.8), all_of(PARTIAL, BLOCK), "8.0 GB"),
    Case(PART, cpu(8.9), waits=NO_GPU),
    Case(PART, gpu(4), all_of(PARTIAL, -1.6), "6.0 GB"),
    Case(PART, gpu(6.7)),
    Case(PART, BILLION, waits=NO_MACHINE),
    Case(FULL, cpu(17.7), all_of(ALL, BLOCK), "all 1.0B parameters"),
    Case(FULL, cpu(17.8), waits=NO_GPU),
    Case(FULL, {"model_parameters": 7 * 10**9, "gpu": "A100-80"}, all_of(ALL, BLOCK), "112.0 GB"),
    Case(FULL, {"model_parameters": 7 * 10**9, "gpu": "A100-80", "gpus": 2}, waits=("gpu_memory_gb",)),
    Case(FULL, gpu(10), all_of(ALL, -1.6), "16.0 GB"),
    Case(FULL, gpu(13.7706), all_of(ALL, -0.8), "it would have to run in main memory"),
    Case(FULL, gpu(17.8)),
    Case(FULL, BILLION, waits=NO_MACHINE),
    Case(FULL_TIGHT, cpu(17.78), all_of(ALL, -0.4), "needs 16.0 GB, and main memory has 17.78 GB;"),
    Case(
        FULL_TIGHT,
        gpu(26.6667),
        all_of(ALL, -0.2),
        "checkpoint them, compute the loss in chunks, or",
    ),
    Case(FULL_TIGHT, gpu(40)),
    Case(FULL_TIGHT, {"gpu_memory_gb": 8}, waits=("model_parameters",)),
    Case(LORA_TIGHT, gpu(2.4), all_of(FROZEN_ADAPTERS, -0.4), "2.2 GB"),
    Case(LORA_TIGHT, gpu(3.6), all_of(FROZEN_ADAPTERS, -0.2), "needs 2.2 GB, and the GPU in your brief has 3.6 GB"),
    Case(LORA_TIGHT, gpu(5.4)),
    Case(LORA_TIGHT, BILLION, waits=NO_MACHINE),
    Case(ON_GPU, {"gpu_memory_gb": 0}, {"qlora": BLOCK}, "0 GB"),
    Case(ON_GPU, {"device": "cpu"}, {"qlora": BLOCK}, "CPU"),
    Case(ON_GPU, {"gpu_memory_gb": 4, "gpus": 1}),
    Case(ON_GPU, {}, waits=NO_MACHINE),
    Case(FOUR_BIT, gpu(0.78), {"qlora": BLOCK}, "710 MB"),
    Case(FOUR_BIT, gpu(0.79)),
    Case(FOUR_BIT, BILLION, waits=NO_MACHINE),
    Case(FOUR_BIT, {"gpu_memory_gb": 4}, waits=("model_parameters",)),
    Case(QLORA, gpu(2.16), {"qlora": 0.4}, "needs 2.2 GB before activations, and the GPU in your brief has 2.16 GB"),
    Case(QLORA, gpu(2.7885), {"qlora": 0.2}, "710 MB"),
    Case(QLORA, gpu(3.6)),
    Case(QLORA, gpu(4.409), {"qlora": -0.45}, "nothing to gain"),
    Case(QLORA, {**gpu(40), "gpus": 2}, {"qlora": -0.9}, "the 2 GPUs in your brief have 80 GB"),
    Case(QLORA, gpu(0)),
    Case(QLORA, BILLION, waits=NO_MACHINE),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_case(case: Case) -> None:
    check(RULES, case)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documented(rule) -> None:
    check_rule(rule)
    assert {case.weights is None for case in CASES if case.rule == rule.id} == {True, False}


def blocked(**known: object) -> set[str]:
    """Return the strategies that some rule on memory blocks."""
    found = [weights(rule.ask(facts_of(known)) or ()) for rule in RULES]
    return {name for each in found for name, weight in each.items() if weight == BLOCK}


def test_qlora_fits_where_lora_does_not() -> None:
    seven, small = {"model_parameters": 7_000_000_000}, {"gpu_memory_gb": 8}
    total = [weights(rule.ask(facts_of({**seven, **small})) or ()) for rule in RULES]
    assert sum(each.get("qlora", 0) for each in total) > 0
    assert sum(each.get("lora", 0) for each in total) < -1


def test_top_layers_fit_where_full_does_not() -> None:
    found = blocked(model_parameters=7_000_000_000, gpu="A100-40", gpus=2)
    assert "full" in found
    assert "top_layers" not in found


def test_where_no_gpu_is_enough_a_small_gpu_is_too() -> None:
    machine = {"model_parameters": 100_000_000, "memory_bytes": 32_000_000_000}
    assert blocked(**machine, gpu_memory_gb=0) == {"qlora"}
    assert not blocked(**machine, gpu_memory_gb=1)
