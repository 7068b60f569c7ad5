"""Memory and four bits: every rule where it speaks, is silent, stands on its band, and does not know."""

from __future__ import annotations

import pytest

from advisor.rules import quantisation, resources
from advisor.rules.groups import ALL_WEIGHTS, FROZEN_ADAPTERS, PARTIAL, PROMPTED
from tests.advisor.rules.cases import Case, check, check_rule, facts_of, name, said, weights

RULES = (*resources.RULES, *quantisation.RULES)
WEIGHTS, LORA, PART, FULL = "weights-fit-memory", "lora-fits-memory", "partial-fits-memory", "full-fits-memory"
FULL_TIGHT, PART_TIGHT = "full-leaves-little-memory", "partial-leaves-little-memory"
LORA_TIGHT, FOUR_TIGHT = "lora-leaves-little-memory", "qlora-leaves-little-memory"
ON_GPU, FOUR_BIT, QLORA = "qlora-needs-accelerator", "qlora-fits-memory", "qlora-where-lora-is-tight"
FOUR = "prompts-in-four-bits"
ASKS = (*PROMPTED, "retrieval", "distillation")
LM = {"model_kind": "causal"}
TEN = {**LM, "model_parameters": 10**10, "gpus": 1}
RUNS = ("linear_probe", "setfit", *FROZEN_ADAPTERS, *PARTIAL, *ALL_WEIGHTS)
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
LENGTH = ("input_tokens",)
WRITES = {"task": "generation", "model_kind": "causal", "input_tokens": 200, "output_tokens": 100}
"""300 tokens a row, with a loss over the vocabulary: 16 bytes for each token and word."""
SHAPED = {"layers": 10, "hidden_size": 1_000, "vocab_size": 100_000}
"""Activations of a token: 340 kB whole, 54 kB checkpointed. Its logits: 1.6 MB."""

CASES = [
    Case(WEIGHTS, cpu(4.4), all_of(RUNS, BLOCK), "4.0 GB"),
    Case(WEIGHTS, cpu(4.5), waits=NO_GPU),
    Case(WEIGHTS, {"model_parameters": 70 * 10**9, "gpu": "RTX4090"}, all_of(RUNS, BLOCK), "24 GB of RTX4090"),
    Case(WEIGHTS, gpu(1), {**all_of(RUNS, -1.6), "linear_probe": -0.4}, "main memory"),
    Case(WEIGHTS, gpu(1.9245), {**all_of(RUNS, -0.8), "linear_probe": -0.2}, "2.0 GB"),
    Case(WEIGHTS, gpu(2.23)),
    Case(WEIGHTS, BILLION, waits=NO_MACHINE),
    Case(WEIGHTS, {"gpu_memory_gb": 8}, waits=("model_parameters",)),
    # A model of 10 billion weights: 20 GB in 16 bits, 5.5 in four.
    Case(FOUR, {**TEN, "gpu_memory_gb": 23}),
    Case(FOUR, {**TEN, "gpu_memory_gb": 19.245}, all_of(ASKS, -0.2), "in four bits the model takes 5.5 GB"),
    Case(FOUR, {**TEN, "gpu_memory_gb": 10}, all_of(ASKS, -0.4), "10 GB"),
    Case(FOUR, {**TEN, "gpu_memory_gb": 4}, all_of(ASKS, -0.9), "main memory is slow"),
    Case(FOUR, {**TEN, "gpu_memory_gb": 0}, all_of(ASKS, -0.9), "Without an accelerator"),
    Case(FOUR, {**TEN, "model_parameters": 3_162_277_660, "gpu_memory_gb": 0}, all_of(ASKS, -0.45), "3.2B"),
    Case(FOUR, {**TEN, "model_parameters": 10**9, "gpu_memory_gb": 0}),
    Case(FOUR, {**TEN, "model_parameters": 110 * 10**9, "gpu_memory_gb": 40}, all_of(ASKS, BLOCK), "64.0 GB"),
    # A GPU that is named may stand in another machine than this one.
    Case(FOUR, {**TEN, "device": "cpu", "memory_bytes": 4 * 10**9}, all_of(ASKS, BLOCK), "4.0 GB"),
    Case(FOUR, {**TEN, "device": "cpu", "memory_bytes": 4 * 10**9, "gpu": "T4"}, all_of(ASKS, -0.4), "16 GB"),
    Case(FOUR, {**TEN, "model_kind": "encoder", "gpu_memory_gb": 4}),
    Case(FOUR, TEN, waits=NO_MACHINE),
    Case(FOUR, LM, waits=("model_parameters",)),
    # Where the length of the rows is not known, activations block nothing.
    Case(LORA, cpu(4.6), all_of(FROZEN_ADAPTERS, BLOCK), "4.2 GB before activations"),
    Case(LORA, cpu(4.63), waits=(*NO_GPU, *LENGTH)),
    Case(LORA, gpu(1.4), all_of(FROZEN_ADAPTERS, -1.6), "2.2 GB before activations"),
    Case(LORA, gpu(2.41), waits=LENGTH),
    Case(LORA, {**gpu(2.41), "context": 512, **SHAPED}, waits=LENGTH),
    Case(LORA, {**gpu(6), "context": 512, **SHAPED}),
    # 2.16 GB and 1,000 tokens of 54 kB, checkpointed, with a batch of 1.
    Case(LORA, {**gpu(2.2), **SHAPED, "input_tokens": 1_000}, all_of(FROZEN_ADAPTERS, -0.536), "2.2 GB with check"),
    Case(LORA, {**gpu(2.47), **SHAPED, "input_tokens": 1_000}),
    Case(LORA, {**gpu(2.45), **SHAPED, "input_tokens": 1_000, "context": 256}),
    Case(LORA, {**cpu(4.74), **SHAPED, "input_tokens": 1_000}, all_of(FROZEN_ADAPTERS, BLOCK), "at 1,000 tokens a row"),
    Case(LORA, {**cpu(4.75), **SHAPED, "input_tokens": 1_000}, waits=NO_GPU),
    # Written answers: 2.16 GB, 300 tokens of 54 kB, and their logits.
    Case(LORA, {**gpu(2.4), **SHAPED, **WRITES}, all_of(FROZEN_ADAPTERS, -1.292), "2.7 GB with checkpointed"),
    Case(LORA, {**gpu(2.98), **SHAPED, **WRITES}),
    Case(LORA, {"model_parameters": 7 * 10**9, "gpu": "T4", "gpus": 2}, waits=("gpu_memory_gb", *LENGTH)),
    Case(LORA, {"gpu": "T4"}, waits=("model_parameters",)),
    Case(PART, cpu(7.7), all_of(PARTIAL, BLOCK), "7.0 GB"),
    Case(PART, cpu(7.8), waits=(*NO_GPU, *LENGTH)),
    Case(PART, gpu(3.6), all_of(PARTIAL, -1.6), "5.5 GB"),
    Case(PART, gpu(6.12), waits=LENGTH),
    Case(PART, BILLION, waits=NO_MACHINE),
    Case(FULL, cpu(17.7), all_of(ALL, BLOCK), "all 1.0B parameters"),
    Case(FULL, cpu(17.8), waits=(*NO_GPU, *LENGTH)),
    Case(FULL, {"model_parameters": 7 * 10**9, "gpu": "A100-80"}, all_of(ALL, BLOCK), "112.0 GB"),
    Case(FULL, {"model_parameters": 7 * 10**9, "gpu": "A100-80", "gpus": 2}, waits=("gpu_memory_gb", *LENGTH)),
    Case(FULL, gpu(10), all_of(ALL, -1.6), "16.0 GB"),
    Case(FULL, gpu(13.7706), all_of(ALL, -0.8), "it would have to run in main memory"),
    Case(FULL, gpu(17.8), waits=LENGTH),
    Case(FULL, {**gpu(25), "context": 512, **SHAPED}),
    Case(FULL, BILLION, waits=NO_MACHINE),
    # 16.0 GB and 16 rows of 500 tokens of 340 kB make 18.72 GB.
    Case(FULL_TIGHT, {**gpu(20.9), **SHAPED, "input_tokens": 500}),
    Case(FULL_TIGHT, {**gpu(14.7078), **SHAPED, "input_tokens": 500}, all_of(ALL, -0.2), "accumulated) it takes 16.0"),
    Case(
        FULL_TIGHT,
        {**gpu(18.5), **SHAPED, "input_tokens": 500},
        all_of(ALL, -0.03),
        "your median, and the GPU in your brief has 18.5 GB; it fits with checkpointed activations: 16.4 GB.",
    ),
    Case(
        FULL_TIGHT,
        {**cpu(17.95), **SHAPED, "input_tokens": 500},
        all_of(ALL, -0.145),
        "it fits with checkpointed activations and a batch of 1 (16 accumulated): 16.1 GB.",
    ),
    Case(FULL_TIGHT, gpu(14), all_of(ALL, -0.4), "26.2 GB with a batch of 16 at 512 tokens a row (assumed)"),
    Case(FULL_TIGHT, gpu(29.2), waits=LENGTH),
    Case(FULL_TIGHT, {"gpu_memory_gb": 8}, waits=("model_parameters",)),
    Case(PART_TIGHT, gpu(8.6), all_of(PARTIAL, -0.4), "15.7 GB with a batch of 16 at 512 tokens a row (assumed)"),
    Case(PART_TIGHT, gpu(12.3251), all_of(PARTIAL, -0.2), "it fits with checkpointed activations: 6.5 GB"),
    Case(PART_TIGHT, gpu(17.5), waits=LENGTH),
    Case(PART_TIGHT, BILLION, waits=NO_MACHINE),
    # 2.16 GB and 16 rows of 100 tokens make 2.704 GB.
    Case(
        LORA_TIGHT,
        {**gpu(2.1245), **SHAPED, "input_tokens": 100},
        all_of(FROZEN_ADAPTERS, -0.2),
        "LoRA on the model takes 2.7 GB with a batch of 16 at 100 tokens a row, your median, and the GPU",
    ),
    Case(LORA_TIGHT, {**gpu(1.5), **SHAPED, "input_tokens": 100}, all_of(FROZEN_ADAPTERS, -0.4), "even with"),
    Case(LORA_TIGHT, {**gpu(3.01), **SHAPED, "input_tokens": 100}),
    Case(LORA_TIGHT, {**gpu(3.01), **SHAPED, "input_tokens": 900, "context": 100}),
    Case(LORA_TIGHT, gpu(13.8), waits=LENGTH),
    # 54 kB a token and 1.6 MB of logits: 16 rows of 300 tokens are too many even so, and one is not.
    Case(
        LORA_TIGHT,
        {**gpu(3), **SHAPED, **WRITES},
        all_of(FROZEN_ADAPTERS, -0.4),
        "it fits with checkpointed activations and a batch of 1 (16 accumulated): 2.7 GB.",
    ),
    Case(
        LORA_TIGHT,
        {**gpu(5), **SHAPED, **WRITES, "input_tokens": 3_000},
        all_of(FROZEN_ADAPTERS, -0.4),
        "it fits with checkpointed activations, a batch of 1 (16 accumulated) and a loss in chunks: 4.0 GB.",
    ),
    Case(LORA_TIGHT, BILLION, waits=NO_MACHINE),
    Case(ON_GPU, {"gpu_memory_gb": 0}, {"qlora": BLOCK}, "0 GB"),
    Case(ON_GPU, {"device": "cpu"}, {"qlora": BLOCK}, "CPU"),
    Case(ON_GPU, {"gpu_memory_gb": 4, "gpus": 1}),
    Case(ON_GPU, {}, waits=NO_MACHINE),
    Case(FOUR_BIT, gpu(0.78), {"qlora": BLOCK}, "710 MB before activations"),
    Case(FOUR_BIT, gpu(0.79), waits=LENGTH),
    # Embeddings stay in 16 bit: .1 of the billion. 828 MB, and 1,000 tokens of 54 kB make 882 MB.
    Case(FOUR_BIT, {**gpu(0.9), **SHAPED, "input_tokens": 1_000}, {"qlora": BLOCK}, "882 MB with checkpointed"),
    Case(FOUR_BIT, {**gpu(0.99), **SHAPED, "input_tokens": 1_000}),
    Case(FOUR_BIT, BILLION, waits=NO_MACHINE),
    Case(FOUR_BIT, {"gpu_memory_gb": 4}, waits=("model_parameters",)),
    # 828 MB and 16 rows of 100 tokens make 1,372 MB.
    Case(
        FOUR_TIGHT, {**gpu(1.078), **SHAPED, "input_tokens": 100}, {"qlora": -0.2}, "checkpointed activations: 914 MB"
    ),
    Case(FOUR_TIGHT, {**gpu(1.53), **SHAPED, "input_tokens": 100}),
    Case(FOUR_TIGHT, gpu(12.2), waits=LENGTH),
    Case(FOUR_TIGHT, gpu(0)),
    Case(FOUR_TIGHT, BILLION, waits=NO_MACHINE),
    Case(
        QLORA,
        gpu(2.16),
        {"qlora": 0.4},
        "needs 2.2 GB before activations, and the GPU in your brief has 2.16 GB; QLoRA needs 710 MB",
    ),
    Case(QLORA, gpu(2.7885), {"qlora": 0.2}, "710 MB"),
    Case(QLORA, gpu(3.6), waits=LENGTH),
    Case(QLORA, {**gpu(2.858), **SHAPED, "input_tokens": 1_000}, {"qlora": 0.2}, "2.2 GB with checkpointed"),
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
    assert sum(each.get("qlora", 0) for each in total) >= 0
    assert sum(each.get("lora", 0) for each in total) < -1


def test_top_layers_fit_where_full_does_not() -> None:
    found = blocked(model_parameters=7_000_000_000, gpu="A100-40", gpus=2)
    assert "full" in found
    assert "top_layers" not in found


def test_where_no_gpu_is_enough_a_small_gpu_is_too() -> None:
    machine = {"model_parameters": 100_000_000, "memory_bytes": 32_000_000_000}
    assert blocked(**machine, gpu_memory_gb=0) == {"qlora"}
    assert not blocked(**machine, gpu_memory_gb=1)


def test_a_length_that_is_not_known_blocks_nothing_that_a_short_one_does_not() -> None:
    for memory in (1, 2, 4, 8, 16, 32):
        world = {**BILLION, "gpu_memory_gb": memory, "memory_bytes": 32 * 10**9}
        assert blocked(**world) <= blocked(**world, input_tokens=1)
        assert blocked(**world) <= blocked(**world, input_tokens=100_000)


def test_a_vocabulary_that_is_not_known_is_assumed_but_rules_nothing_out() -> None:
    """Logits of 1,000 tokens take 2.1 GB with the 128,256 words assumed, and .5 GB with the 32,000 that rule out."""
    world = {**BILLION, **WRITES, "layers": 10, "hidden_size": 1_000, "input_tokens": 900, "memory_bytes": 10**9}
    little, enough = {**world, "gpu_memory_gb": 3.1}, {**world, "gpu_memory_gb": 5.0}
    assert "lora" not in blocked(**little)
    assert "lora" in blocked(**little, vocab_size=128_256)
    (rule,) = (rule for rule in RULES if rule.id == LORA_TIGHT)
    (sentence,) = said(rule.ask(facts_of(enough)))
    assert sentence.endswith("it fits with checkpointed activations and a batch of 1 (16 accumulated): 4.3 GB.")
    (same,) = said(rule.ask(facts_of({**enough, "vocab_size": 128_256})))
    assert same == sentence.replace(" and a vocabulary of 128,256 (assumed)", "")
    assert same != sentence
