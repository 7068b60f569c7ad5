"""The training config: written as YAML that reads back as the same config, and checked where it is edited by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.config import DataSection, ModelSection, TrainingConfig, config_for, load_config, to_yaml
from advisor.decide import Recommendation
from advisor.request import DataRequest, Request
from probes.data import load_task
from probes.errors import SettingError
from probes.recipe import BagOfWords, FrozenFeatures, Ia3, Lora, Prompt, Recipe, SoftPrompt, Tuning
from probes.statistics import Interval
from strategies import Outcome

MODEL = ModelSection(name="minilm")
DATA = DataSection(source="rows.jsonl", text_column="text", label_column="label")
RECIPES: dict[str, Recipe] = {
    "baseline": BagOfWords(C=(1e-7, 10.0), word_ngrams=(1, 3)),
    "linear_probe": FrozenFeatures(pooling="mean", max_length=64, C=(0.003,)),
    "full": Tuning(pooling="cls", max_length=64, learning_rate=2e-5, weight_decay=1e-10, warmup=0.0),
    "lora": Tuning(
        pooling="last", max_length=64, learning_rate=5e-4, adapter=Lora(rank=4, target_modules=("query", "value"))
    ),
    "qlora": Tuning(pooling="last", max_length=64, learning_rate=2e-4, adapter=Lora(quantised=True)),
    "ia3": Tuning(pooling="mean", max_length=64, learning_rate=3e-3, adapter=Ia3()),
    "prompt_tuning": Tuning(pooling="mean", max_length=64, learning_rate=3e-3, adapter=SoftPrompt()),
    "top_layers": Tuning(pooling="mean", max_length=64, learning_rate=5e-5, layers="last_quarter"),
    "from_scratch": Tuning(pooling="mean", max_length=64, learning_rate=3e-4, weights="random", head="random"),
    "zero_shot": Prompt(max_length=128, instruction='Say "yes": or # no\n{classes}'),
    "few_shot": Prompt(max_length=128, shots=3, template="»{text}«\n\tthe label — ", batch_size=4),
}


def config(strategy: str, **changes: Any) -> TrainingConfig:
    values = {"strategy": strategy, "data": DATA, "method": RECIPES[strategy]}
    return TrainingConfig(**({"model": None if strategy == "baseline" else MODEL} | values | changes))


def load(tmp_path: Path, text: str) -> TrainingConfig:
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file)


@pytest.mark.parametrize("strategy", RECIPES)
def test_yaml_reads_back_as_the_same_config(strategy: str, tmp_path: Path) -> None:
    written = config(strategy)
    assert load(tmp_path, to_yaml(written)) == written


@pytest.mark.parametrize("strategy", RECIPES)
def test_numbers_are_numbers_to_any_reader_of_yaml(strategy: str) -> None:
    written = config(strategy)
    assert TrainingConfig.model_validate(yaml.safe_load(to_yaml(written)), strict=False) == written
    assert _tuples_as_lists(written.model_dump()) == yaml.safe_load(to_yaml(written))


def _tuples_as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples_as_lists(v) for k, v in value.items()}
    return [_tuples_as_lists(v) for v in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("rate", [2e-5, 1e-05, 5e-4, 1.5e-7, 0.1, 3e-324, 0.30000000000000004])
def test_a_learning_rate_stays_a_float(rate: float, tmp_path: Path) -> None:
    method = Tuning(pooling="mean", max_length=8, learning_rate=rate)
    text = to_yaml(config("full", method=method))
    value = yaml.safe_load(text)["method"]["learning_rate"]
    assert type(value) is float
    assert value == rate


def recommended(recipe: Recipe, *, learned_from: int, tried: int = 3) -> Recommendation:
    return Recommendation(
        strategy="lora",
        model="minilm",
        metric="accuracy",
        score=Interval(mean=0.9, low=0.8, high=0.95),
        verdict=Outcome.CONFIRMED,
        because="best",
        recipe=recipe,
        train_rows=learned_from,
        seconds=1.0,
        transfer="",
        tried=tried,
    )


@pytest.mark.parametrize(("learned_from", "passes", "batch"), [(100, 4, 16), (1_500, 10, 8)])
def test_a_tuning_measured_on_fewer_rows_is_trained_as_long_as_all_need(
    learned_from: int, passes: int, batch: int, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    split = ["train"] * 1_500 + ["validation"] * 20 + ["test"] * 20
    rows.write_text(
        "".join(f'{{"text": "text {i}", "label": "{i % 2}", "split": "{s}"}}\n' for i, s in enumerate(split))
    )
    measured = Tuning(pooling="mean", max_length=8, learning_rate=1e-3, epochs=10, batch_size=8)
    choice = recommended(measured, learned_from=learned_from)
    request = Request(data=DataRequest(source=str(rows)))
    method = config_for(request, load_task(str(rows)), choice, None).method
    assert isinstance(method, Tuning)
    assert (method.epochs, method.batch_size, method.learning_rate) == (passes, batch, 1e-3)


@pytest.mark.parametrize(("parts", "at_once"), [(1, 16), (2, 4), (8, 1)])
def test_what_memory_held_at_a_time_stays_when_the_batch_grows(parts: int, at_once: int, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "".join(f"text {n},{'ab'[n % 2]}\n" for n in range(1_800)), encoding="utf-8")
    request = Request(data=DataRequest(source=str(rows)))
    recipe = Tuning(pooling="cls", max_length=8, learning_rate=1e-3, batch_size=8, gradient_accumulation=parts)
    made = config_for(request, load_task(str(rows)), recommended(recipe, learned_from=100), None)
    assert isinstance(made.method, Tuning)
    assert (made.method.batch_size, made.method.rows_at_once) == (16, at_once)
    assert (f"{at_once} rows at a time" in to_yaml(made)) is (parts > 1)


@pytest.mark.parametrize(("tried", "why"), [(3, "the best of 3 on validation rows"), (0, "no time to search")])
def test_the_learning_rate_says_whether_it_was_searched(tried: int, why: str) -> None:
    assert why in to_yaml(config("full"), recommended(RECIPES["full"], learned_from=100, tried=tried))


NAMES = [
    "2024-01-01",
    "null",
    "yes",
    "1e5",
    "- a",
    "a: b",
    "# no",
    "'",
    '"',
    "\\",
    "C:\\rows",
    "ümläut 文",
    "",
    "\u0085",
    "\u2028",
    "\x7f",
    "a\tb\nc",
    "\U0001f600",
    "\U000e0001",
    "\ufeff",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_users_survive(name: str, tmp_path: Path) -> None:
    written = config("full", data=DATA.model_copy(update={"source": name, "text_column": name}))
    assert load(tmp_path, to_yaml(written)) == written


@pytest.mark.parametrize("strategy", RECIPES)
def test_every_value_has_its_reason(strategy: str) -> None:
    bare = [line for line in to_yaml(config(strategy)).splitlines() if re.search(r": \S", line) and "  # " not in line]
    bare = [line for line in bare if not line.startswith("#")]
    assert bare == []


def test_the_head_says_how_to_train_it_and_comments_stay_one_line() -> None:
    text = to_yaml(config("full"), file="mine.yaml")
    assert text.splitlines()[1] == "#     advisor train mine.yaml"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("learning_rate: 2.0e-05", "learning_rate: fast", "learning_rate is 'fast'"),
        ("learning_rate: 2.0e-05", "learning_rate: 2", "learning_rate is 2"),
        ("epochs: 4", "epochs: 0", "epochs is 0"),
        ("epochs: 4", "epoch: 4", "did you mean epochs?"),
        ('pooling: "cls"', "pooling: sum", "pooling is 'sum'"),
        ('method: "tuning"', "method: magic", "must be one of bag_of_words"),
        ('text_column: "text"', "", "data.text_column is missing"),
        ("version: 1", "version: 9", "version is 9"),
        ('metric: "accuracy"', "metric: auc", "metric is 'auc'"),
        ('task: "text-classification"', "task: vision", "task is 'vision'"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, says: str, tmp_path: Path) -> None:
    text = to_yaml(config("full"))
    assert old in text
    with pytest.raises(SettingError) as refused:
        load(tmp_path, text.replace(old, new, 1))
    assert says in refused.value.got
    assert "advisor schema config" in refused.value.remedy


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        ("full", "every weight"),
        ("lora", "low-rank adapters"),
        ("qlora", "low-rank adapters over weights in four bits"),
        ("ia3", "learned factors on activations"),
        ("prompt_tuning", "learned vectors before each text"),
        ("top_layers", "the last quarter of the layers"),
        ("from_scratch", "every weight, from scratch"),
    ],
)
def test_what_is_trained_is_told(strategy: str, says: str) -> None:
    assert re.search(rf'  method: "tuning" +# gradient descent: {says}$', to_yaml(config(strategy)), re.MULTILINE)


def test_a_config_of_the_older_spelling_is_read(tmp_path: Path) -> None:
    text = to_yaml(config("lora"))
    older = "".join(
        line.replace("adapter:", "lora:")
        for line in text.splitlines(keepends=True)
        if not line.strip().startswith(("kind:", "dora:", "quantised:", "layers:", "weights:"))
    )
    assert "lora:\n" in older
    assert load(tmp_path, older) == config("lora")


@pytest.mark.parametrize(
    ("strategy", "old", "new", "says"),
    [
        ("ia3", 'kind: "ia3"', "kind: ia4", "adapter.kind must be one of lora, ia3, soft_prompt"),
        ("lora", "rank: 4", "rank: 0", "rank is 0"),
        ("prompt_tuning", "tokens: 20", "tokens: 0", "tokens is 0"),
        ("lora", 'layers: "all"', "layers: last_quarter", "an adapter leaves the layers frozen"),
        ("full", 'weights: "pretrained"', "weights: random", "set `head: random`"),
    ],
)
def test_what_contradicts_itself_is_named(strategy: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    text = to_yaml(config(strategy))
    assert old in text
    with pytest.raises(SettingError) as refused:
        load(tmp_path, text.replace(old, new, 1))
    assert says in refused.value.got
    assert len(refused.value.got) < 300


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as refused:
        load(tmp_path, to_yaml(config("full")).replace("epochs: 4", "epochs: 0").replace("version: 1", "version: 9"))
    assert "epochs is 0" in refused.value.got
    assert "version is 9" in refused.value.got


def test_a_rate_without_a_point_is_understood(tmp_path: Path) -> None:
    """YAML 1.1 reads 2e-5 as text; a user who writes it means the number."""
    found = load(tmp_path, to_yaml(config("full")).replace("2.0e-05", "2e-5"))
    assert isinstance(found.method, Tuning)
    assert found.method.learning_rate == 2e-5
