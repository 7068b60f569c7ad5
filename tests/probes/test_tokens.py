"""Texts are read once for each tokenizer and length, and what comes out is what reading anew gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from probes.data import TaskData
from probes.features import PIECE, tokenize
from probes.model import ModelFacts
from probes.recipe import SoftPrompt, Tuning
from probes.tokens import TokenCache
from probes.training import fit_tuning
from probes.workbench import Workbench

MakeBench = Callable[..., Workbench]


class Counting:
    """A tokenizer that counts the texts it reads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.read: list[str] = []

    def __call__(self, texts: list[str], *arguments: Any, **more: Any) -> Any:
        self.read += texts
        return self._tokenizer(texts, *arguments, **more)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("kind", ["encoder", "causal"])
def test_what_comes_out_is_what_reading_anew_gives(
    kind: str, pairs: bool, request: pytest.FixtureRequest, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    tokenizer = make_bench(request.getfixturevalue(kind)).tokenizer
    counting, cache = Counting(tokenizer), TokenCache()
    rows = make_task(pairs=pairs).train
    fewer = rows.take(list(range(20, 0, -2)))
    cache.read(counting, fewer, 8)
    for part, length in ((rows, 8), (fewer, 8), (rows, 5)):
        assert cache.read(counting, part, length) == tokenize(tokenizer, part, length)
        assert cache.read(counting, part, length) == tokenize(tokenizer, part, length)
    if pairs:
        assert len(counting.read) == 2 * len(rows)
    else:  # some of these texts are the same: one call reads them together
        assert len(counting.read) <= 2 * len(rows)
        assert set(counting.read) == set(rows.texts)


@pytest.mark.parametrize("pairs", [False, True])
def test_no_call_reads_many_texts(
    pairs: bool, encoder: ModelFacts, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    """The deadline interrupts between two calls; what comes out is what a single one gives."""
    tokenizer, rows = make_bench(encoder).tokenizer, make_task(pairs=pairs).train
    many = rows.take([k * k % len(rows) for k in range(2 * PIECE + 1)])
    calls: list[int] = []

    def call(texts: list[str], *arguments: Any, **more: Any) -> Any:
        calls.append(len(texts))
        return tokenizer(texts, *arguments, **more)

    whole = tokenizer(list(many.texts), list(many.pairs) if many.pairs else None, truncation=True, max_length=8)
    found = tokenize(call, many, 8)
    assert calls == [PIECE, PIECE, 1]
    assert [e["input_ids"] for e in found] == whole["input_ids"]
    assert [e["attention_mask"] for e in found] == whole["attention_mask"]
    assert tokenize(call, many.take([]), 8) == []


def test_tokenizers_do_not_mix(encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder)
    rows = bench.data.test
    plain = bench.tokens(rows, 16)
    longer, ids = bench.prompted(3)
    assert bench.prompted(3)[0] is longer
    prompted = bench.tokens(rows, 19, longer)
    assert prompted == tokenize(longer, rows, 19)
    assert all(set(ids) <= set(e["input_ids"]) for e in prompted)
    assert bench.tokens(rows, 16) == plain


def test_memory_is_bounded_and_the_oldest_goes_first(encoder: ModelFacts, make_bench: MakeBench) -> None:
    counting = Counting(make_bench(encoder).tokenizer)
    rows = make_bench(encoder).data.train.model_copy(update={"texts": tuple(f"card {'bank ' * k}" for k in range(90))})
    first, second = rows.take(list(range(10))), rows.take(list(range(10, 14)))
    size = sum(len(e["input_ids"]) for e in tokenize(counting, second, 16))
    counting.read.clear()
    cache = TokenCache(limit=size)
    cache.read(counting, first, 16)
    cache.read(counting, second, 16)
    counting.read.clear()
    assert cache.read(counting, second, 16) == tokenize(make_bench(encoder).tokenizer, second, 16)
    assert counting.read == []
    cache.read(counting, first.take([0]), 16)
    assert counting.read == [first.texts[0]]


@pytest.mark.parametrize("adapter", [None, SoftPrompt(tokens=3)])
def test_learning_rates_and_seeds_share_what_was_read(
    adapter: SoftPrompt | None, encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes import tokens

    bench = make_bench(encoder)
    recipe = Tuning(pooling="mean", max_length=16, learning_rate=1e-3, epochs=1, adapter=adapter)
    fit_tuning(recipe, bench, bench.data.train).probabilities(bench.data.test)
    calls: list[int] = []

    def reading(tokenizer: Any, rows: Any, max_length: int) -> Any:
        calls.append(len(rows))
        return tokenize(tokenizer, rows, max_length)

    monkeypatch.setattr(tokens, "tokenize", reading)
    for more in ({"learning_rate": 2e-3}, {"seed": 1}):
        half = bench.data.train.take(list(range(0, 90, 2)))
        fit_tuning(recipe.model_copy(update=more), bench, half).probabilities(bench.data.test)
    assert calls == []
