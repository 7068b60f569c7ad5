"""Gradient descent: it starts where the probe ended, learns, repeats itself, and knows when it had no fair chance."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from probes.classifier import build_classifier
from probes.cpu_training import attention_of
from probes.data import Rows, TaskData
from probes.deadline import Deadline
from probes.errors import MeasurementFailed, OutOfTime
from probes.features import evaluating
from probes.fitting import fit
from probes.model import ModelFacts, read_model
from probes.recipe import FrozenFeatures, Ia3, Lora, Tuning
from probes.training import FittedTuning, fit_tuning, last_checkpoint
from probes.workbench import Workbench

MakeBench = Callable[..., Workbench]


def tuning(pooling: str, **more: Any) -> Tuning:
    settings = {"max_length": 16, "learning_rate": 3e-3, "epochs": 2, "batch_size": 16} | more
    return Tuning.model_validate({"pooling": pooling} | settings)


@pytest.fixture(params=["encoder", "causal"])
def facts(request: pytest.FixtureRequest) -> ModelFacts:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("adapter", [None, Lora(), Lora(dora=True), Ia3()])
@pytest.mark.parametrize("normalize", [False, True])
def test_training_starts_from_the_probe(
    facts: ModelFacts, adapter: Lora | Ia3 | None, normalize: bool, make_bench: MakeBench
) -> None:
    facts = facts.model_copy(update={"normalize": normalize, "sentence_encoder": normalize})
    bench = make_bench(facts)
    recipe = FrozenFeatures(pooling=facts.pooling, normalize=normalize, max_length=16)
    probe = fit(recipe, bench, bench.data.train)
    model = build_classifier(
        facts,
        facts.pooling,
        bench.data.classes,
        normalize=normalize,
        adapter=adapter,
        head=probe.head,
        pad_token_id=bench.tokenizer.pad_token_id,
        dtype="float32",
        device="cpu",
    )
    batch = bench.tokenizer(list(bench.data.test.texts), padding=True, return_tensors="pt")
    with evaluating(model):
        logits = model(**batch)["logits"].numpy()
    np.testing.assert_allclose(logits, probe.head.logits(bench.features(bench.data.test, recipe)), atol=1e-3)


@pytest.mark.parametrize(
    ("precision", "words", "attention"), [("bf16", 1, "eager"), ("bf16", 300, "sdpa"), ("fp32", 1, "sdpa")]
)
def test_short_texts_are_trained_on_by_the_attention_that_is_faster(
    precision: str, words: int, attention: str, causal: ModelFacts, make_bench: MakeBench
) -> None:
    """Half precision without dropout: it goes by the texts there are, not by what the model could read."""
    bench = make_bench(causal)
    train = bench.data.train.take(list(range(12)))
    train = train.model_copy(update={"texts": (f"{train.texts[0]} " * words, *train.texts[1:])})
    fitted = fit_tuning(tuning(causal.pooling, max_length=512, epochs=1, precision=precision), bench, train)
    assert attention_of(fitted.model) == attention


def test_a_text_that_ends_in_the_padding_token_is_read_to_its_end(
    tmp_path: Path, save_model: Callable[..., Path], make_bench: MakeBench
) -> None:
    """Embedding models of the causal kind pool at an end token, and often pad with that same token."""
    folder = save_model(tmp_path / "model", "causal", eos=True)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_lasttoken": true}', encoding="utf-8")
    facts = read_model(str(folder))
    assert (facts.kind, facts.pooling, facts.sentence_encoder) == ("causal", "last", True)
    bench = make_bench(facts)
    assert bench.tokenizer("card")["input_ids"][-1] == bench.tokenizer.pad_token_id
    recipe = tuning("last", learning_rate=1e-7, epochs=1)
    frozen = fit(FrozenFeatures(pooling="last", max_length=16), bench, bench.data.train)
    tuned = fit_tuning(recipe, bench, bench.data.train)
    np.testing.assert_allclose(tuned.probabilities(bench.data.test), frozen.probabilities(bench.data.test), atol=1e-3)


def rights(fitted: Any, rows: Rows) -> float:
    return float((fitted.probabilities(rows).argmax(axis=1) == np.array(rows.labels)).mean())


@pytest.mark.parametrize("adapter", [None, Lora(rank=8, alpha=32, dropout=0)])
def test_training_learns_an_easy_task(
    facts: ModelFacts, adapter: Lora | Ia3 | None, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    bench = make_bench(facts, make_task(train=240))
    rate = (5e-3 if facts.kind == "encoder" else 3e-3) * (1 if adapter is None else 1.5)
    recipe = tuning(facts.pooling, adapter=adapter, learning_rate=rate, epochs=12, patience=12)
    fitted = fit(recipe, bench, bench.data.train)
    probe = fit(FrozenFeatures(pooling=facts.pooling, max_length=16), bench, bench.data.train)
    assert rights(fitted, bench.data.test) > max(0.9, rights(probe, bench.data.test) - 0.02)
    assert fitted.validation_score is not None
    assert fitted.validation_score > 0.85
    assert fitted.converged, fitted.why_not
    assert fitted.tokens > 240 * 3


def test_the_same_seed_gives_the_same_classifier(
    tmp_path: Path, save_model: Callable[..., Path], make_bench: MakeBench
) -> None:
    """With dropout on, and with a generator that other work has moved in between."""
    facts = read_model(str(save_model(tmp_path / "model", "encoder", dropout=0.2)))
    found = []
    for seed in (0, 0, 1):
        torch.rand(len(found) + 1)
        bench = make_bench(facts)
        fitted = fit(tuning("mean", head="random", adapter=Lora(), seed=seed), bench, bench.data.train)
        found.append(fitted.probabilities(bench.data.test))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_an_underfit_run_is_told_with_both_losses(facts: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(facts)
    fitted = fit(tuning(facts.pooling, head="random", learning_rate=1e-6), bench, bench.data.train)
    assert not fitted.converged
    assert fitted.why_not.startswith("underfit: training loss ")
    probe = fit(FrozenFeatures(pooling=facts.pooling, max_length=16), bench, bench.data.train)
    assert f"against {probe.head.train_loss:.3f} of the linear probe" in fitted.why_not


def test_a_run_cut_off_while_improving_is_told(causal: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(causal)
    run = fit_tuning(tuning("last", epochs=1), bench, bench.data.train)
    assert not run.converged
    assert run.why_not.startswith("still improving when epoch 1 ended: +")


def test_training_stops_early_and_keeps_the_best_epoch(encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder)
    fitted = fit_tuning(tuning("mean", learning_rate=1e-7, epochs=20, patience=2), bench, bench.data.train)
    assert isinstance(fitted, FittedTuning)
    assert fitted.epochs_run == 3  # nothing improves on the first epoch, so two more
    assert fitted.notes == ("best after epoch 1 of 3",)
    bench = make_bench(encoder)
    fitted = fit_tuning(tuning("mean", learning_rate=2e-2, epochs=8, patience=8), bench, bench.data.train)
    scores = [h["eval_score"] for h in fitted.history if "eval_score" in h]
    assert len(scores) == 8
    assert fitted.validation_score == max(scores)
    assert rights(fitted, bench.data.validation) == pytest.approx(max(scores))
    assert (
        fitted.validation_loss
        == next(h for h in fitted.history if h.get("eval_score") == max(scores))["eval_cross_entropy"]
    )


@pytest.mark.parametrize("adapter", [None, Lora()])
def test_what_the_best_epoch_said_of_validation_rows_is_not_computed_again(
    adapter: Lora | None, facts: ModelFacts, make_bench: MakeBench
) -> None:
    """And it is what the model that was kept says of them; of any other rows, equal ones too, it is asked."""
    asked: list[str] = []
    data = make_bench(facts).data
    # Labels that are all wrong: the more is learned, the worse the score, so that the last epoch is not the best.
    wrong = data.validation.model_copy(update={"labels": tuple((k + 1) % 3 for k in data.validation.labels)})
    bench = make_bench(
        facts,
        data.model_copy(update={"validation": wrong}),
        progress=lambda what, done, total: asked.append(what) if done == total else None,
    )
    recipe = tuning(facts.pooling, adapter=adapter, learning_rate=1e-2, epochs=4, patience=4)
    fitted = fit_tuning(recipe, bench, bench.data.train)
    scores = [h["eval_score"] for h in fitted.history if "eval_score" in h]
    assert scores[-1] < max(scores)
    rows = bench.data.validation
    asked.clear()
    kept = fitted.probabilities(rows)
    assert asked == []
    anew = fitted.probabilities(rows.take(list(range(len(rows)))))
    assert asked == ["scoring"]
    np.testing.assert_allclose(kept, anew, atol=1e-4)
    loss = -np.log(anew[np.arange(len(rows)), list(rows.labels)]).mean()
    assert fitted.validation_loss == pytest.approx(loss, rel=1e-3)


def test_lora_trains_adapter_and_head_alone(facts: ModelFacts, make_bench: MakeBench) -> None:
    from transformers import AutoModel

    bench = make_bench(facts)
    fitted = fit_tuning(tuning(facts.pooling, adapter=Lora(), learning_rate=1e-2, epochs=1), bench, bench.data.train)
    trained = [name for name, p in fitted.model.named_parameters() if p.requires_grad]
    assert all("lora_" in name or "head" in name or "score" in name for name in trained)
    assert any("lora_" in name for name in trained)
    assert any(name.startswith("head") or "score" in name for name in trained)
    assert not any("pooler" in name for name in trained)
    before = dict(AutoModel.from_pretrained(facts.path).named_parameters())
    frozen = 0
    for name, p in fitted.model.named_parameters():
        plain = name.replace("base_model.model.", "").replace("base_layer.", "")
        plain = plain.removeprefix("body.").removeprefix("model.")
        if not p.requires_grad and plain in before:
            torch.testing.assert_close(p.detach(), before[plain].detach(), rtol=0, atol=0)
            frozen += 1
    assert frozen > 10


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that temporary folders are made in."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("polite", [True, False])
def test_the_deadline_ends_training_and_leaves_nothing_behind(
    polite: bool, encoder: ModelFacts, make_bench: MakeBench, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(encoder)
    _ = fit(FrozenFeatures(pooling="mean", max_length=16), bench, bench.data.train)
    bench.deadline = Deadline(1.0)
    if not polite:
        monkeypatch.setattr(bench.deadline, "check", lambda: None)
    with pytest.raises(OutOfTime):
        fit(tuning("mean", epochs=1000, patience=1000), bench, bench.data.train)
    assert bench.deadline.remaining > -2
    assert list(scratch.iterdir()) == []


def test_a_finished_run_leaves_nothing_behind(encoder: ModelFacts, make_bench: MakeBench, scratch: Path) -> None:
    bench = make_bench(encoder)
    fit(tuning("mean"), bench, bench.data.train)
    assert list(scratch.iterdir()) == []


def test_a_gradient_that_is_no_number_fails_the_measurement(
    encoder: ModelFacts, make_bench: MakeBench, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes.classifier import PooledClassifier

    forward = PooledClassifier.forward

    def broken(self: Any, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        out = forward(self, *args, **kwargs)
        return out | ({"logits": out["logits"] * torch.tensor(float("inf"))} if self.training else {})

    monkeypatch.setattr(PooledClassifier, "forward", broken)
    bench = make_bench(encoder)
    with pytest.raises(MeasurementFailed, match=r"(loss|grad_norm) became (nan|inf) at learning rate 0\.003"):
        fit(tuning("mean"), bench, bench.data.train)
    assert list(scratch.iterdir()) == []


def test_memory_that_runs_out_fails_the_measurement(
    encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes.classifier import PooledClassifier

    bench = make_bench(encoder)

    def full(self: Any, *args: Any, **kwargs: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(PooledClassifier, "forward", full)
    with pytest.raises(MeasurementFailed, match="memory ran out at 1 row of up to 16 tokens at a time"):
        fit(tuning("mean"), bench, bench.data.train)


@pytest.mark.parametrize("more", [{"gradient_checkpointing": True}, {"gradient_accumulation": 4}])
def test_settings_that_save_memory_change_nothing_else(
    more: dict[str, Any], facts: ModelFacts, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    bench = make_bench(facts, make_task(train=96))
    plain, other = (
        fit_tuning(tuning(facts.pooling, learning_rate=1e-4, epochs=1, **m), bench, bench.data.train)
        for m in ({}, more)
    )
    found = [[h[key] for h in fitted.history if key in h] for fitted in (plain, other) for key in ("loss", "grad_norm")]
    assert found[:2] == [pytest.approx(values, rel=0.02) for values in found[2:]]
    rows = bench.data.test
    np.testing.assert_allclose(other.probabilities(rows), plain.probabilities(rows), atol=0.01)


def interrupt_late(what: str, done: int, total: int) -> None:
    if what.startswith("tuning") and done >= 0.7 * total:
        raise KeyboardInterrupt


def test_a_kept_run_goes_on_from_its_checkpoint(encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path) -> None:
    recipe = tuning("mean", epochs=3, patience=3)
    bench = make_bench(encoder)
    whole = fit_tuning(recipe, bench, bench.data.train).probabilities(bench.data.test)

    with pytest.raises(KeyboardInterrupt):
        fit_tuning(recipe, make_bench(encoder, progress=interrupt_late), bench.data.train, checkpoints=tmp_path / "run")
    assert any((tmp_path / "run").iterdir())
    steps: list[int] = []
    again = make_bench(
        encoder, progress=lambda what, done, _: steps.append(done) if what.startswith("tuning") else None
    )
    resumed = fit_tuning(recipe, again, bench.data.train, checkpoints=tmp_path / "run", resume=True)
    assert steps[0] > 6
    np.testing.assert_allclose(resumed.probabilities(bench.data.test), whole, atol=1e-4)


def test_a_half_written_checkpoint_is_passed_over(encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path) -> None:
    """What a process killed while it saved leaves behind: weights, but no state, or half of it."""
    recipe = tuning("mean", epochs=3, patience=3)
    bench = make_bench(encoder)
    whole = fit_tuning(recipe, bench, bench.data.train).probabilities(bench.data.test)

    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit_tuning(recipe, make_bench(encoder, progress=interrupt_late), bench.data.train, checkpoints=run)
    first, second = sorted(run.glob("checkpoint-*"), key=lambda folder: int(folder.name.partition("-")[2]))
    assert last_checkpoint(run) == second
    state = second / "trainer_state.json"
    state.write_text(state.read_text(encoding="utf-8")[:100], encoding="utf-8")
    assert last_checkpoint(run) == first
    state.unlink()
    (second / "optimizer.pt").write_bytes(b"cut")
    resumed = fit_tuning(recipe, make_bench(encoder), bench.data.train, checkpoints=run, resume=True)
    np.testing.assert_allclose(resumed.probabilities(bench.data.test), whole, atol=1e-4)


def test_a_run_killed_before_its_first_checkpoint_starts_anew(
    encoder: ModelFacts, make_bench: MakeBench, tmp_path: Path
) -> None:
    (tmp_path / "run" / "checkpoint-6").mkdir(parents=True)
    assert last_checkpoint(tmp_path / "run") is None
    assert last_checkpoint(tmp_path / "nowhere") is None
    bench = make_bench(encoder)
    fitted = fit_tuning(tuning("mean"), bench, bench.data.train, checkpoints=tmp_path / "run", resume=True)
    assert fitted.epochs_run == 2


def test_the_frozen_model_is_gone_before_the_tuned_one_is_loaded(
    facts: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes import classifier

    frozen: list[weakref.ref[Any]] = []
    load, build = Workbench.load_backbone, classifier.build_classifier

    def loading(self: Workbench, **more: Any) -> Any:
        model = load(self, **more)
        frozen.append(weakref.ref(model))
        return model

    def building(*arguments: Any, **more: Any) -> Any:
        assert frozen
        assert all(model() is None for model in frozen)
        return build(*arguments, **more)

    monkeypatch.setattr(Workbench, "load_backbone", loading)
    monkeypatch.setattr(classifier, "build_classifier", building)
    bench = make_bench(facts, speed=None)
    fit(tuning(facts.pooling, epochs=1), bench, bench.data.train)


def test_pairs_are_tuned_on_both_texts(
    facts: ModelFacts, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    bench = make_bench(facts, make_task(pairs=True))
    fitted = fit(tuning(facts.pooling, epochs=1), bench, bench.data.train)
    found = fitted.probabilities(bench.data.test)
    assert found.shape == (60, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
