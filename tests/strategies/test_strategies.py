"""What each strategy knows: where it applies, its recipes, and what they cost."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter

from advisor.rules.start import PRIOR
from probes.errors import MeasurementFailed
from probes.hardware import Speed
from probes.model import ModelFacts
from probes.recipe import FrozenFeatures, Ia3, Lora, Prompt, Recipe, SoftPrompt, Tuning
from strategies import CORE, NAMES, STRATEGIES, Candidate, Situation, Strategy
from strategies.tuned import RATES, Tuned

ENCODER = ModelFacts(
    name="tiny",
    model_id="someone/tiny",
    revision=None,
    path="models/tiny",
    kind="encoder",
    model_type="bert",
    architecture="BertModel",
    parameters=22_000_000,
    layers=6,
    hidden_size=384,
    vocab_size=30_522,
    context=256,
    pooling="mean",
    normalize=True,
    sentence_encoder=True,
    chat_template=False,
    instruction_tuned=False,
    dtype="float32",
    bytes_on_disk=90_000_000,
    licence=None,
)
CAUSAL = ENCODER.model_copy(
    update={
        "name": "talker",
        "kind": "causal",
        "architecture": "LlamaForCausalLM",
        "pooling": "last",
        "normalize": False,
        "sentence_encoder": False,
        "parameters": 1_000_000_000,
        "context": 2_048,
    }
)
MODELS = {"encoder": ENCODER, "causal": CAUSAL, "none": None}
SPEED = Speed(threads=2, precision="bf16", forward_rows_per_second=400.0, train_rows_per_second=100.0)


def _situation(kind: str = "encoder", rows: int = 1_000, **more: Any) -> Situation:
    settings: dict[str, Any] = {
        "train_rows": rows,
        "validation_rows": 100,
        "test_rows": 200,
        "classes": 5,
        "max_length": 64,
        "model": MODELS[kind],
        "speed": SPEED,
    }
    return Situation(**(settings | more))


@pytest.fixture(scope="session")
def situation() -> Callable[..., Situation]:
    """Return the function that makes a situation."""
    return _situation


@pytest.fixture(scope="session")
def models() -> dict[str, ModelFacts | None]:
    """Return an encoder, a causal model and none, by name."""
    return MODELS


MakeSituation = Callable[..., Situation]
RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)
BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}
TUNED = tuple(s.name for s in STRATEGIES if isinstance(s, Tuned))
PROBED = tuple(s.name for s in STRATEGIES if s.not_probed is None)
PROMPTED = {"zero_shot", "few_shot", "few_shot_retrieved", "many_shot", "retrieval"}


def applying(kind: str) -> list[str]:
    return [n for n in PROBED if kind == "causal" or n not in PROMPTED]


def test_the_lightest_comes_first_and_every_advised_one_is_known() -> None:
    assert tuple(PRIOR) == NAMES
    assert tuple(n for n in PROBED if n in CORE) == CORE


def test_what_really_trains() -> None:
    assert TUNED == (
        "prompt_tuning", "ia3", "lora", "qlora", "dora", "early_layers", "top_layers", "full", "from_scratch"
    )  # fmt: skip
    assert set(PROBED) - set(TUNED) == {"baseline", "zero_shot", "few_shot", "many_shot", "linear_probe"}


@pytest.mark.parametrize("name", PROBED)
def test_the_recipes_are_for_its_own_mechanism(name: str, situation: MakeSituation) -> None:
    assert {recipe.method for recipe in BY_NAME[name].recipes(situation("causal"))} == {BY_NAME[name].method}


@pytest.mark.parametrize("name", [n for n in NAMES if n not in PROBED])
def test_what_is_not_probed_says_why_and_what_to_do(name: str, situation: MakeSituation) -> None:
    strategy = BY_NAME[name]
    assert strategy.not_probed is not None
    assert len(strategy.not_probed) > 80
    assert not strategy.not_probed.endswith(".")
    with pytest.raises(MeasurementFailed) as refused:
        strategy.recipes(situation("encoder"))
    assert str(refused.value) == strategy.not_probed
    assert strategy.seconds(situation("encoder"), 1_000, 1_000) == 0


def test_each_says_what_it_needs() -> None:
    assert [s.name for s in STRATEGIES if not s.needs_model] == ["no_model", "baseline"]
    assert [s.name for s in STRATEGIES if s.seeded] == ["few_shot", "many_shot", *TUNED]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=NAMES)
def test_where_it_applies(strategy: Strategy, models: dict[str, ModelFacts | None]) -> None:
    encoder, causal = models["encoder"], models["causal"]
    assert encoder is not None
    assert causal is not None
    assert strategy.inapplicable(models["none"]) == (
        None if strategy.name in {"no_model", "baseline"} else "no model was given"
    )
    refused, causal_refused = strategy.inapplicable(encoder), strategy.inapplicable(causal)
    if strategy.name in PROMPTED:
        assert refused == "tiny is an encoder (BertModel); prompting needs a causal language model"
        headless = encoder.model_copy(update={"model_type": "llama", "architecture": "LlamaModel"})
        assert strategy.inapplicable(headless) == (
            "tiny has no language-model head (LlamaModel); prompting needs a causal language model"
        )
        assert causal_refused is None
    elif strategy.name in {"tapt", "dapt"}:
        assert refused is not None
        assert refused.startswith("tiny is stored without its language-model head (BertModel)")
        assert strategy.inapplicable(encoder.model_copy(update={"architecture": "BertForMaskedLM"})) is None
        assert causal_refused is None
    elif strategy.name == "setfit":
        assert refused is None
        assert causal_refused == (
            "talker is a causal language model (LlamaForCausalLM); SetFit needs a sentence encoder"
        )
    else:
        assert (refused, causal_refused) == (None, None)


def test_a_soft_prompt_takes_a_model_that_reads_more_than_it(models: dict[str, ModelFacts | None]) -> None:
    encoder = models["encoder"]
    assert encoder is not None
    strategy = BY_NAME["prompt_tuning"]
    assert strategy.inapplicable(encoder.model_copy(update={"context": 40})) is None
    assert strategy.inapplicable(encoder.model_copy(update={"context": 39})) == (
        "tiny reads 39 tokens at most, and a soft prompt takes 20 of them"
    )


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in ("encoder", "causal") for name in applying(kind)])
@pytest.mark.parametrize("rows", [10, 1_000, 200_000])
def test_recipes_go_through_json_and_fit_the_model(
    kind: str, name: str, rows: int, situation: MakeSituation, models: dict[str, ModelFacts | None]
) -> None:
    recipes = BY_NAME[name].recipes(situation(kind, rows, seed=3))
    model = models[kind]
    assert model is not None
    assert len(set(recipes)) == len(recipes) == (3 if name in TUNED else 1)
    for recipe in recipes:
        assert RECIPE.validate_json(recipe.model_dump_json()) == recipe
        assert recipe.seed == 3
        if isinstance(recipe, Tuning | FrozenFeatures):
            assert (recipe.pooling, recipe.normalize) == (model.pooling, model.normalize)
            assert recipe.max_length == min(64, model.context - (20 if name == "prompt_tuning" else 0))
        if isinstance(recipe, Prompt):
            assert recipe.max_length == model.context


@pytest.mark.parametrize("name", [n for n in PROBED if n != "baseline"])
def test_without_a_model_there_is_no_recipe(name: str, situation: MakeSituation) -> None:
    with pytest.raises(ValueError, match="needs a model"):
        BY_NAME[name].recipes(situation("none"))


@pytest.mark.parametrize("kind", ["encoder", "causal"])
def test_tuning_starts_from_the_probe_at_three_rising_rates(kind: str, situation: MakeSituation) -> None:
    full, lora = (BY_NAME[name].recipes(situation(kind)) for name in ("full", "lora"))
    for recipes in (full, lora):
        assert all(isinstance(r, Tuning) and r.head == "linear_probe" for r in recipes)
        rates = [r.learning_rate for r in recipes if isinstance(r, Tuning)]
        assert rates == sorted(set(rates))
        assert all(r.precision == "bf16" for r in recipes if isinstance(r, Tuning))
    for low, high in zip(full, lora, strict=True):
        assert isinstance(low, Tuning)
        assert isinstance(high, Tuning)
        assert low.adapter is None
        assert isinstance(high.adapter, Lora)
        assert high.adapter.alpha == 2 * high.adapter.rank
        assert 5 <= high.learning_rate / low.learning_rate <= 25.1


def test_what_each_trains(situation: MakeSituation) -> None:
    def first(name: str) -> Tuning:
        recipe = BY_NAME[name].recipes(situation("encoder"))[0]
        assert isinstance(recipe, Tuning)
        return recipe

    lora = first("lora").adapter
    assert isinstance(lora, Lora)
    assert (lora.dora, lora.quantised) == (False, False)
    assert first("dora").adapter == lora.model_copy(update={"dora": True})
    assert first("qlora").adapter == lora.model_copy(update={"quantised": True})
    assert first("ia3").adapter == Ia3()
    assert first("prompt_tuning").adapter == SoftPrompt(tokens=20)
    for name, layers in (("early_layers", "first_quarter"), ("top_layers", "last_quarter"), ("full", "all")):
        assert (first(name).adapter, first(name).layers, first(name).weights) == (None, layers, "pretrained")
    scratch = first("from_scratch")
    assert (scratch.adapter, scratch.layers, scratch.weights, scratch.head) == (None, "all", "random", "random")
    assert scratch.epochs == 3 * first("full").epochs
    assert 3e-3 <= first("ia3").learning_rate <= 5e-3


@pytest.mark.parametrize("name", TUNED)
def test_a_search_begins_with_as_many_rates_as_its_price_is_told_by(name: str, situation: MakeSituation) -> None:
    assert len(BY_NAME[name].recipes(situation())) == RATES


def test_larger_models_are_tuned_at_lower_rates(situation: MakeSituation, models: dict[str, ModelFacts | None]) -> None:
    for kind, large in (("encoder", 300_000_000), ("causal", 8_000_000_000)):
        base = models[kind]
        assert base is not None
        small_rates = BY_NAME["full"].learning_rates(base)  # type: ignore[attr-defined]
        large_rates = BY_NAME["full"].learning_rates(base.model_copy(update={"parameters": large}))  # type: ignore[attr-defined]
        assert all(b < a for a, b in zip(small_rates, large_rates, strict=True))


@pytest.mark.parametrize("name", TUNED)
def test_epochs_fall_and_batches_grow_with_the_rows(name: str, situation: MakeSituation) -> None:
    sizes = (20, 100, 300, 400, 1_000, 3_000, 10_000, 100_000)
    recipes = [BY_NAME[name].recipes(situation(rows=rows))[0] for rows in sizes]
    passes = [r.epochs for r in recipes if isinstance(r, Tuning)]
    batches = [r.batch_size for r in recipes if isinstance(r, Tuning)]
    for size in set(batches):  # a larger batch makes fewer steps of a pass, so its passes count anew
        same = [p for p, b in zip(passes, batches, strict=True) if b == size]
        assert same == sorted(same, reverse=True)
    assert batches == sorted(batches)
    assert 2 <= passes[-1] < passes[0] <= 30
    assert batches[0] < batches[-1]


def test_demonstrations_grow_with_the_classes(situation: MakeSituation) -> None:
    (zero,) = BY_NAME["zero_shot"].recipes(situation("causal"))
    (few,) = BY_NAME["few_shot"].recipes(situation("causal", classes=7))
    (many,) = BY_NAME["many_shot"].recipes(situation("causal", classes=2))
    (most,) = BY_NAME["many_shot"].recipes(situation("causal", classes=77))
    assert isinstance(zero, Prompt)
    assert isinstance(few, Prompt)
    assert isinstance(many, Prompt)
    assert isinstance(most, Prompt)
    assert (zero.shots, few.shots, many.shots) == (0, 14, 100)
    assert most.shots == 154  # few-shot has as many; 2,048 tokens hold 128 short ones


@pytest.mark.parametrize("name", [n for n in PROBED if n not in PROMPTED])
def test_seconds_grow_with_the_rows(name: str, situation: MakeSituation) -> None:
    strategy = BY_NAME[name]
    seconds = [strategy.seconds(situation(rows=n), n, min(n, 1_000)) for n in (100, 400, 1_000, 2_000, 10_000)]
    assert seconds[0] > 0
    assert all(a < b for a, b in itertools.pairwise(seconds))


def test_heavier_work_is_estimated_dearer(situation: MakeSituation) -> None:
    here = situation("causal", 1_000)
    cost = {name: BY_NAME[name].seconds(here, 1_000, 1_000) for name in PROBED}
    assert cost["baseline"] < cost["linear_probe"] < cost["lora"] < cost["full"] < cost["from_scratch"]
    assert cost["zero_shot"] < cost["few_shot"] < cost["many_shot"]
    assert cost["top_layers"] < cost["early_layers"] < cost["full"]
    assert cost["lora"] < min(cost["qlora"], cost["dora"])
    searched = BY_NAME["full"].seconds(here, 1_000, 500)
    assert searched != cost["full"]
    faster = here.model_copy(
        update={"speed": here.speed and here.speed.model_copy(update={"train_rows_per_second": 1e6})}
    )
    assert BY_NAME["full"].seconds(faster, 1_000, 1_000) < cost["full"]


def test_the_baseline_takes_longer_over_longer_texts(situation: MakeSituation) -> None:
    short, long = (BY_NAME["baseline"].seconds(situation(characters=n), 10_000, 10_000) for n in (60.0, 600.0))
    assert 5 * short < long < 10 * short


def test_cached_features_cost_no_pass_over_the_rows(situation: MakeSituation) -> None:
    probe = BY_NAME["linear_probe"]
    assert probe.seconds(situation(), 1_000, 1_000) - probe.seconds(
        situation(features_cached=True), 1_000, 1_000
    ) == pytest.approx(1_300 / 400)


@pytest.mark.parametrize("name", [n for n in PROBED if n != "baseline"])
def test_without_a_speed_nothing_is_estimated(name: str, situation: MakeSituation) -> None:
    assert BY_NAME[name].seconds(situation("causal", speed=None), 1_000, 1_000) == 0


def test_a_candidate_is_named_by_strategy_and_model() -> None:
    assert str(Candidate(strategy="lora", model="tiny")) == "lora on tiny"
    assert str(Candidate(strategy="baseline")) == "baseline"
