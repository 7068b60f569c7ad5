"""What is trained: a quarter of the layers, random weights, factors, weights in four bits; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from probes.data import TaskData
from probes.errors import MeasurementFailed, SettingError
from probes.fitting import fit
from probes.model import ModelFacts, read_model
from probes.recipe import Ia3, Lora, Tuning
from probes.training import fit_tuning
from probes.workbench import Workbench

MakeBench = Callable[..., Workbench]


def tuning(pooling: str, **more: Any) -> Tuning:
    settings = {"max_length": 16, "learning_rate": 3e-3, "epochs": 2, "batch_size": 16} | more
    return Tuning.model_validate({"pooling": pooling} | settings)


@pytest.mark.parametrize(("layers", "trained"), [("first_quarter", "0"), ("last_quarter", "3")])
def test_a_quarter_of_the_layers_is_trained_and_the_head(
    layers: str, trained: str, tmp_path: Path, save_model: Callable[..., Path], make_bench: MakeBench
) -> None:
    from transformers import AutoModel

    for kind, stack in (("encoder", "body.encoder.layer"), ("causal", "model.layers")):
        folder = save_model(tmp_path / kind, kind, num_hidden_layers=4)
        facts = read_model(str(folder))
        bench = make_bench(facts)
        fitted = fit_tuning(tuning(facts.pooling, layers=layers, epochs=1), bench, bench.data.train)
        moving = {n for n, p in fitted.model.named_parameters() if p.requires_grad}
        assert moving == {
            n for n, _ in fitted.model.named_parameters() if n.startswith((f"{stack}.{trained}.", "head", "score"))
        }
        before = {n: p.detach() for n, p in AutoModel.from_pretrained(folder).named_parameters()}
        now = {n.removeprefix("body.").removeprefix("model."): p.detach() for n, p in fitted.model.named_parameters()}
        changed = {n for n in before if not torch.equal(before[n], now[n])}
        assert changed
        assert all(f"{stack.partition('.')[2]}.{trained}." in n for n in changed)


def test_layers_that_share_their_weights_are_refused(encoder: ModelFacts, make_bench: MakeBench) -> None:
    sharing = encoder.model_copy(update={"layers": 12})  # ALBERT's config names 12 layers, and there is one
    bench = make_bench(sharing)
    with pytest.raises(MeasurementFailed, match="holds no list of its 12 layers"):
        fit(tuning("mean", layers="last_quarter"), bench, bench.data.train)


def test_an_architecture_without_known_factors_fails_with_a_reason(encoder: ModelFacts, make_bench: MakeBench) -> None:
    from peft.tuners.ia3.model import TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING as KNOWN

    bench = make_bench(encoder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(KNOWN, "bert")
        with pytest.raises(MeasurementFailed, match="peft has no ia3 for a bert network"):
            fit(tuning("mean", adapter=Ia3()), bench, bench.data.train)
    with pytest.raises(SettingError) as refused:
        fit(tuning("mean", adapter=Ia3(target_modules=("nowhere",))), bench, bench.data.train)
    assert "adapter.target_modules is ('nowhere',)" in refused.value.got
    assert "query" in refused.value.remedy


def test_random_weights_start_from_nothing_and_repeat_themselves(
    encoder: ModelFacts, causal: ModelFacts, make_bench: MakeBench
) -> None:
    for facts in (encoder, causal):
        found = []
        for seed in (0, 0, 1):
            torch.rand(len(found) + 1)
            bench = make_bench(facts)
            recipe = tuning(facts.pooling, weights="random", head="random", learning_rate=1e-7, epochs=1, seed=seed)
            fitted = fit_tuning(recipe, bench, bench.data.train)
            assert not fitted.why_not.startswith("underfit")  # they hold no linear probe to be measured by
            found.append(fitted.probabilities(bench.data.test))
        np.testing.assert_array_equal(found[0], found[1])
        assert not np.array_equal(found[0], found[2])


def test_random_weights_learn_an_easy_task(
    encoder: ModelFacts, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    bench = make_bench(encoder, make_task(train=240))
    recipe = tuning("mean", weights="random", head="random", learning_rate=5e-3, epochs=12, patience=12)
    guesses = fit(recipe, bench, bench.data.train).probabilities(bench.data.test).argmax(axis=1)
    assert (guesses == np.array(bench.data.test.labels)).mean() > 0.9


@pytest.mark.parametrize(("device", "says"), [("cpu", "need a CUDA GPU"), ("cuda", "pip install bitsandbytes")])
def test_four_bits_without_what_they_need_are_refused_before_any_work(
    device: str, says: str, encoder: ModelFacts, make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(encoder)
    bench.hardware = bench.hardware.model_copy(update={"device": device})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(Workbench, "load_backbone", lambda self, **_: pytest.fail("the model was loaded"))
    with pytest.raises(MeasurementFailed, match=says):
        fit(tuning("mean", adapter=Lora(quantised=True)), bench, bench.data.train)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"adapter": Lora(), "layers": "last_quarter"}, "an adapter leaves the layers frozen"),
        ({"adapter": Ia3(), "weights": "random", "head": "random"}, "random weights must all be trained"),
        ({"layers": "first_quarter", "weights": "random", "head": "random"}, "random weights must all be trained"),
        ({"weights": "random"}, "set `head: random`"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        tuning("mean", **more)


@pytest.mark.parametrize("old", [{"rank": 4, "target_modules": ["query"]}, Lora(rank=4, target_modules=("query",))])
def test_the_older_spelling_of_lora_is_read(old: Any) -> None:
    assert tuning("mean", lora=old) == tuning("mean", adapter=Lora(rank=4, target_modules=("query",)))
    assert tuning("mean", lora=None) == tuning("mean")
    with pytest.raises(ValidationError):
        tuning("mean", lora=old, adapter=Ia3())
