"""Frozen features: pooling by hand, independence of batches and order, the cache."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from probes.data import Rows, TaskData
from probes.deadline import Deadline
from probes.errors import MeasurementFailed, OutOfTime
from probes.features import FeatureCache, frozen_dtype, load_tokenizer, pool, run_batches, sentence_vector, tokenize
from probes.model import ModelFacts
from probes.recipe import FrozenFeatures
from probes.workbench import Workbench

MakeBench = Callable[..., Workbench]
POOLINGS = ("mean", "cls", "max", "last")


def by_hand(vectors: torch.Tensor, pooling: str) -> torch.Tensor:
    """Pool the vectors of one text, shape (tokens, width), without padding."""
    return {
        "mean": lambda v: v.mean(dim=0),
        "max": lambda v: v.max(dim=0).values,
        "cls": lambda v: v[0],
        "last": lambda v: v[-1],
    }[pooling](vectors)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("pooling", ["mean", "max", "last"])
def test_pooling_ignores_padding_on_either_side(pooling: Any, side: str) -> None:
    torch.manual_seed(0)
    lengths = (1, 3, 6)
    texts = [torch.randn(n, 5) - 3 for n in lengths]  # below zero, so that a maximum over zeros would show
    hidden, mask = torch.full((3, 6, 5), 100.0), torch.zeros(3, 6, dtype=torch.long)
    for i, (text, n) in enumerate(zip(texts, lengths, strict=True)):
        where = slice(0, n) if side == "right" else slice(6 - n, 6)
        hidden[i, where], mask[i, where] = text, 1
    expected = torch.stack([by_hand(text, pooling) for text in texts])
    torch.testing.assert_close(pool(hidden, mask, pooling), expected)


def test_the_first_token_stands_for_the_text_where_the_model_says_so() -> None:
    hidden = torch.randn(2, 4, 3)
    torch.testing.assert_close(pool(hidden, torch.ones(2, 4, dtype=torch.long), "cls"), hidden[:, 0])


def test_vectors_come_to_length_one_where_asked() -> None:
    hidden, mask = torch.randn(2, 4, 3), torch.ones(2, 4, dtype=torch.long)
    unit = sentence_vector(hidden, mask, "mean", normalize=True)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(unit, torch.nn.functional.normalize(pool(hidden, mask, "mean"), dim=1))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("kind", ["encoder", "causal"])
def test_features_are_those_of_each_text_alone(
    kind: str, pooling: Any, request: pytest.FixtureRequest, make_bench: MakeBench
) -> None:
    facts = request.getfixturevalue(kind)
    bench = make_bench(facts)
    rows = bench.data.train.take(list(range(9)))
    got = bench.features(rows, FrozenFeatures(pooling=pooling, max_length=32, batch_size=4))
    model = bench.load_backbone().eval()
    with torch.inference_mode():
        for text, vector in zip(rows.texts, got, strict=True):
            hidden = model(**bench.tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            np.testing.assert_allclose(vector, by_hand(hidden, pooling), atol=1e-5)


@pytest.mark.parametrize("pairs", [False, True])
def test_batch_size_and_order_change_nothing(
    pairs: bool, encoder: ModelFacts, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    data = make_task(pairs=pairs)
    rows = data.train.take(list(range(20)))
    reference = make_bench(encoder, data).features(rows, FrozenFeatures(pooling="mean", max_length=32))
    assert reference.shape == (20, 32)
    assert reference.dtype == np.float32
    one = make_bench(encoder, data).features(rows, FrozenFeatures(pooling="mean", max_length=32, batch_size=1))
    np.testing.assert_allclose(one, reference, atol=1e-5)
    turned = list(reversed(range(20)))
    back = make_bench(encoder, data).features(rows.take(turned), FrozenFeatures(pooling="mean", max_length=32))
    np.testing.assert_allclose(back[turned], reference, atol=1e-5)


def test_the_second_text_of_a_pair_counts(
    encoder: ModelFacts, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    rows = make_task(pairs=True).train.take([0, 1, 2])
    recipe = FrozenFeatures(pooling="mean", max_length=32)
    bench = make_bench(encoder)
    assert not np.allclose(
        bench.features(rows, recipe), bench.features(rows.model_copy(update={"pairs": None}), recipe)
    )


def test_longer_texts_are_cut_at_the_length_asked_for(causal: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(causal)
    rows = bench.data.train.take([0]).model_copy(update={"texts": ("card " * 200,)})
    assert [len(e["input_ids"]) for e in tokenize(bench.tokenizer, rows, 10)] == [10]


@pytest.mark.parametrize(
    ("context", "tokens", "length"), [(64, 5, 64), (64, 600, 64), (512, 600, 512), (4_096, 5, 512), (4_096, 600, 601)]
)
def test_texts_longer_than_those_at_hand_are_read_as_far_as_is_cheap(
    context: int,
    tokens: int,
    length: int,
    causal: ModelFacts,
    make_bench: MakeBench,
    make_task: Callable[..., TaskData],
) -> None:
    """The length is saved with the model and cuts what is predicted on later; 601 counts the start token."""
    data = make_bench(causal).data
    longest = data.validation.model_copy(update={"texts": ("card " * tokens, *data.validation.texts[1:])})
    facts = causal.model_copy(update={"context": context})
    assert make_bench(facts, data.model_copy(update={"validation": longest})).max_length == length


@pytest.mark.parametrize("pairs", [False, True])
def test_of_many_rows_the_longest_tell_how_much_is_read(
    pairs: bool,
    causal: ModelFacts,
    make_bench: MakeBench,
    make_task: Callable[..., TaskData],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("probes.workbench.LONGEST_ROWS", 3)
    read: list[Rows] = []
    tokens = Workbench.tokens

    def keep(self: Workbench, rows: Rows, max_length: int) -> Any:
        read.append(rows)
        return tokens(self, rows, max_length)

    monkeypatch.setattr(Workbench, "tokens", keep)
    data = make_task(pairs=pairs)
    column = "pairs" if pairs else "texts"
    texts = list(getattr(data.train, column))
    texts[7] = "card " * 600
    facts = causal.model_copy(update={"context": 4_096})
    bench = make_bench(facts, data.model_copy(update={"train": data.train.model_copy(update={column: tuple(texts)})}))
    assert 600 < bench.max_length < 700
    assert [len(rows) for rows in read] == [3, 3]


def no_forward(self: Workbench, **_: object) -> None:
    raise AssertionError("a model was loaded")


def test_cached_features_are_not_computed_again(
    encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = FrozenFeatures(pooling="mean", max_length=32)
    first = make_bench(encoder, cache=FeatureCache(tmp_path))
    rows = first.data.train
    assert not first.has_features(rows, recipe)
    expected = first.features(rows, recipe)
    assert first.has_features(rows, recipe)
    assert make_bench(encoder, cache=FeatureCache(tmp_path)).has_features(rows, recipe)
    monkeypatch.setattr(Workbench, "load_backbone", no_forward)
    np.testing.assert_array_equal(make_bench(encoder, cache=FeatureCache(tmp_path)).features(rows, recipe), expected)
    assert len(list(tmp_path.glob("*.npy"))) == 1
    for other in ({"pooling": "max"}, {"normalize": True}, {"max_length": 5}):
        with pytest.raises(AssertionError, match="a model was loaded"):
            make_bench(encoder, cache=FeatureCache(tmp_path)).features(rows, recipe.model_copy(update=other))


def test_two_processes_that_need_the_same_features_compute_them_once(tmp_path: Path) -> None:
    computed, begun = [], threading.Event()

    def compute() -> NDArray[np.float32]:
        begun.set()
        time.sleep(0.3)
        computed.append(1)
        return np.ones((2, 3), np.float32)

    def late() -> NDArray[np.float32]:
        begun.wait()
        return FeatureCache(tmp_path).get("ab", compute)

    # A lock on a file knows no difference between another process and another cache of this one.
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(FeatureCache(tmp_path).get, "ab", compute), pool.submit(late)
        np.testing.assert_array_equal(first.result(), second.result())
    assert len(computed) == 1


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93NUMPY\x01\x00", b"PK\x03\x04 cut", None])
def test_a_damaged_cache_file_is_computed_anew(
    content: bytes | None, encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path
) -> None:
    recipe = FrozenFeatures(pooling="mean", max_length=32)
    bench = make_bench(encoder, cache=FeatureCache(tmp_path))
    expected = bench.features(bench.data.test, recipe)
    (file,) = tmp_path.glob("*.npy")
    whole = file.read_bytes()
    file.write_bytes(whole[:-7] if content is None else content)
    again = make_bench(encoder, cache=FeatureCache(tmp_path)).features(bench.data.test, recipe)
    np.testing.assert_array_equal(again, expected)
    assert file.read_bytes() == whole


def test_other_weights_under_the_same_path_are_other_features(
    tmp_path: Path, save_model: Callable[..., Path], make_bench: MakeBench
) -> None:
    from probes.model import read_model

    facts = read_model(str(save_model(tmp_path / "model", "encoder")))
    rows = make_bench(facts).data.test
    before = FeatureCache.key(facts, rows, "mean", False, 32)
    assert FeatureCache.key(facts, rows, "mean", False, 32) == before
    save_model(tmp_path / "model", "encoder", num_hidden_layers=1)
    assert FeatureCache.key(facts, rows, "mean", False, 32) != before


def test_the_deadline_holds_between_batches(encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder, deadline=Deadline(0))
    with pytest.raises(OutOfTime):
        bench.features(bench.data.train, FrozenFeatures(pooling="mean", max_length=32))


def test_progress_reaches_its_end(encoder: ModelFacts, make_bench: MakeBench) -> None:
    calls: list[tuple[str, int, int]] = []
    bench = make_bench(encoder, progress=lambda *call: calls.append(call))
    long = bench.data.test.model_copy(update={"texts": ("card " * 100,) * 60})
    bench.features(long, FrozenFeatures(pooling="mean", max_length=64, batch_size=25))
    assert calls == [("features", 25, 60), ("features", 50, 60), ("features", 60, 60)]


def test_more_rows_are_read_at_once_where_they_are_short(encoder: ModelFacts, make_bench: MakeBench) -> None:
    """But never more tokens than so many rows of 64, padding included."""
    bench = make_bench(encoder)
    lengths = [3] * 40 + [10] * 20 + [30, 50, 62, 62, 62]
    rows = bench.data.test.take([k % 60 for k in range(len(lengths))])
    rows = rows.model_copy(update={"texts": tuple(" ".join(["card"] * (n - 2)) for n in lengths)})
    shapes: list[tuple[int, int]] = []

    def forward(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        shapes.append(tuple(batch["input_ids"].shape))
        return batch["attention_mask"].sum(dim=1, keepdim=True)

    settings = {"device": "cpu", "batch_size": 2, "deadline": bench.deadline, "progress": bench.progress, "what": "x"}
    found = run_batches(forward, bench.tokens(rows, 64), bench.tokenizer, **settings)
    assert found[:, 0].tolist() == lengths
    assert shapes[0] == (40, 3)
    assert all(count * width <= 2 * 64 for count, width in shapes)
    assert shapes[-1] == (1, 62)


def test_a_causal_tokenizer_gets_a_padding_token_and_its_start_token(causal: ModelFacts) -> None:
    tokenizer = load_tokenizer(causal)
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    assert (tokenizer.padding_side, tokenizer.truncation_side) == ("right", "right")
    assert tokenizer("card")["input_ids"][0] == tokenizer.bos_token_id


def test_a_model_is_asked_for_where_none_was_given(make_bench: MakeBench) -> None:
    with pytest.raises(MeasurementFailed, match="needs a model"):
        _ = make_bench(None).facts


def test_speed_is_measured_once_and_positive(encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder, speed=None)
    speed = bench.measured_speed()
    assert speed.threads == 1
    assert speed.precision == "fp32"
    assert speed.forward_rows_per_second > speed.train_rows_per_second > 0
    assert bench.measured_speed() is speed
    assert make_bench(encoder, speed=None, choice=(1, "fp32")).measured_speed().threads == 1


@pytest.mark.parametrize(
    ("took", "chosen"),
    [
        ({1: 0.4, 2: 0.2, 4: 0.1}, 4),
        ({1: 0.4, 2: 0.1, 4: 0.3}, 2),  # four that are two which compute
        ({1: 0.1, 2: 0.2, 4: 0.3}, 1),  # a small model
        ({1: 0.1, 2: 0.1, 4: 0.1}, 1),  # no gain leaves the others to somebody else
    ],
)
def test_the_threads_that_train_fastest_are_taken(
    took: dict[int, float], chosen: int, encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr("probes.workbench._training_step", lambda *_: lambda _: took[asked[-1]])
    hardware = make_bench(encoder).hardware.model_copy(update={"cores": 4})
    speed = make_bench(encoder, speed=None, hardware=hardware).measured_speed()
    assert set(asked) == set(took)
    assert speed.threads == asked[-1] == chosen


@pytest.mark.parametrize(("half", "chosen"), [(0.9, "fp32"), (0.5, "bf16")])
def test_steps_that_something_else_slowed_down_do_not_choose_the_precision(
    half: float, chosen: str, encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half precision has to be faster where neither was disturbed; what a step takes is told with the disturbance."""
    took = {"fp32": itertools.cycle([9.0, 0.3, 0.3, 0.1]), "bf16": itertools.repeat(0.1 * half)}
    monkeypatch.setattr("probes.workbench._training_step", lambda *_: lambda precision: next(took[precision]))
    bench = make_bench(encoder, speed=None)
    hardware = bench.hardware.model_copy(update={"cores": 1, "bf16": True})
    speed = make_bench(encoder, speed=None, hardware=hardware).measured_speed()
    assert speed.precision == chosen
    rows = min(len(bench.data.train), 16)
    assert speed.train_rows_per_second == pytest.approx(rows / (0.3 if chosen == "fp32" else 0.05))


def test_the_speed_is_that_of_training(
    encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout is on, and half precision has the attention that it trains with; reading is timed without either."""
    loaded: list[torch.nn.Module] = []
    load, backward = Workbench.load_backbone, torch.Tensor.backward
    seen: list[tuple[bool, str]] = []

    def keep(self: Workbench, **more: Any) -> Any:
        loaded.append(load(self, **more))
        return loaded[-1]

    def look(self: torch.Tensor) -> None:
        seen.append((loaded[-1].training, loaded[-1].config._attn_implementation))
        backward(self)

    monkeypatch.setattr(Workbench, "load_backbone", keep)
    monkeypatch.setattr(torch.Tensor, "backward", look)
    hardware = make_bench(encoder).hardware.model_copy(update={"cores": 1, "bf16": True})
    make_bench(encoder, speed=None, hardware=hardware).measured_speed()
    assert set(seen) == {(True, "sdpa"), (True, "eager")}
    assert loaded[-1].config._attn_implementation == "sdpa"


@pytest.mark.parametrize("fits", [True, False])
def test_a_model_too_large_to_train_whole_is_timed_without(
    fits: bool, encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    backward = torch.Tensor.backward
    calls: list[int] = []
    monkeypatch.setattr(torch.Tensor, "backward", lambda self: calls.append(1) or backward(self))
    assert encoder.parameters is not None
    hardware = make_bench(encoder).hardware.model_copy(
        update={"memory_bytes": 32 * encoder.parameters - (0 if fits else 1), "bf16": True}
    )
    speed = make_bench(encoder, speed=None, hardware=hardware).measured_speed()
    assert bool(calls) is fits
    assert speed.forward_rows_per_second > speed.train_rows_per_second > 0
    if not fits:
        assert speed.forward_rows_per_second / speed.train_rows_per_second > 2


def test_an_accelerators_own_memory_counts() -> None:
    from probes.hardware import Hardware

    card = Hardware(device="cuda", device_name="x", cores=1, memory_bytes=10, device_memory_bytes=5, bf16=True)
    assert card.working_memory == 5
    assert card.model_copy(update={"device": "mps", "device_memory_bytes": None}).working_memory == 10


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_memory_that_runs_out_before_anything_is_trained_fails_the_measurement(
    error: Exception, encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Workbench, **_: object) -> None:
        raise error

    monkeypatch.setattr(Workbench, "load_backbone", full)
    bench = make_bench(encoder, speed=None)
    with pytest.raises(MeasurementFailed, match=r"memory ran out while the speed of .* was measured"):
        bench.measured_speed()
    with pytest.raises(MeasurementFailed, match="memory ran out while the model was loaded"):
        bench.features(bench.data.train, FrozenFeatures(pooling="mean", max_length=32))


def test_other_failures_keep_their_name(
    encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Workbench, **_: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Workbench, "load_backbone", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        make_bench(encoder, speed=None).measured_speed()


@pytest.mark.parametrize(
    ("device", "stored", "loaded"),
    [
        ("cpu", "bfloat16", "float32"),
        ("mps", "bfloat16", "float32"),
        ("cuda", "bfloat16", "bfloat16"),
        ("cuda", "float16", "float16"),
        ("cuda", "float32", "float32"),
        ("cuda", "f8_e4m3", "bfloat16"),
    ],
)
def test_frozen_language_models_are_loaded_as_stored_on_an_accelerator(
    device: str, stored: str, loaded: str, causal: ModelFacts, encoder: ModelFacts
) -> None:
    assert frozen_dtype(causal.model_copy(update={"dtype": stored}), device) == loaded
    assert frozen_dtype(encoder.model_copy(update={"dtype": stored}), device) == "float32"
