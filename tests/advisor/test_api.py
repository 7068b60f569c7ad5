"""The Python door: what cannot be used is an InputError that names the argument; the rest goes the way of the verbs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import advisor
from probes.errors import InputError, SettingError


@pytest.mark.parametrize(
    ("arguments", "got", "remedy"),
    [
        ({"seeds": 0}, "seeds 0: ", "help(advisor.probe)"),
        ({"seeds": "many"}, "seeds 'many': ", "help(advisor.probe)"),
        ({"train_rows": 1}, "train_rows 1: ", "help(advisor.probe)"),
        ({"budget": -1}, "budget -1: ", "help(advisor.probe)"),
        ({"budget": "soon"}, "budget 'soon' is no duration", "10m"),
        ({"budget": [1]}, "budget [1]: ", "help(advisor.probe)"),
        ({"strategies": "lorra"}, "strategies names 'lorra'", "Did you mean lora?"),
        ({"strategies": [1]}, "strategies names '1'", "Allowed"),
        ({"strategies": []}, "strategies is empty", "Name some of"),
        ({"strategies": 5}, "strategies 5 is no list", "lora"),
        ({"run": 5}, "run 5 is no folder", "help(advisor.probe)"),
        ({"models": None}, "models None: ", "help(advisor.probe)"),
        ({"models": [1]}, "models 1: ", "help(advisor.probe)"),
        ({"text_colum": "x"}, "there is no argument text_colum", "Did you mean text_column?"),
        ({"source": "x"}, "there is no argument source", "rows"),
        ({"split_seed": "x"}, "split_seed 'x': ", "help(advisor.probe)"),
        ({"brief": {"metrics": "f1"}}, "brief: there is no setting 'metrics'", "Did you mean 'metric'?"),
        ({"brief": "brief.yaml"}, "brief 'brief.yaml': ", "help(advisor.probe)"),
        ({"run": "~nosuchuser/run"}, "'~nosuchuser/run': no home folder", "in full"),
        ({"models": "minilm", "revision": 1}, "revision 1: ", "help(advisor.probe)"),
    ],
)
def test_what_cannot_be_used_names_its_argument(
    rows_file: Path, arguments: dict[str, Any], got: str, remedy: str
) -> None:
    with pytest.raises(SettingError) as refused:
        advisor.probe(rows_file, **arguments)
    assert refused.value.got.startswith(got)
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("arguments", [{"text_colum": "x"}, {"budget": "10m"}, {"models": 3}, {"seeds": 2}])
def test_recommend_refuses_the_same_way(rows_file: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(arguments))):
        advisor.recommend(rows_file, **arguments)


def test_the_rules_reckon_with_the_training_rows_asked_for(rows_file: Path, tmp_path: Path) -> None:
    result = advisor.probe(rows_file, strategies=["baseline"], train_rows=20, seeds=1, run=tmp_path / "run")
    assert [advice.train_rows for advice in result.advice] == [20]
    assert [m.train_rows for m in result.measurements] == [20]


def test_rows_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        advisor.recommend(tmp_path / "gone.csv")


def test_one_model_and_one_strategy_need_no_list(rows_file: Path, tiny_encoder: Path) -> None:
    (advice,) = advisor.recommend(rows_file, str(tiny_encoder), strategies="lora", brief={"compute": "limited"})
    assert advice.model == str(tiny_encoder)
    assert {entry.strategy for entry in advice.advice} == {"baseline", "lora"}, "the baseline is always among them"
    assert advisor.recommend(
        rows_file, [str(tiny_encoder)], strategies=["lora"], brief=advisor.Brief(compute="limited")
    ) == [advice]


def test_code_from_a_folder_stays_off_unless_allowed(rows_file: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_encoder, tmp_path / "own-code")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "x.Y"}}), encoding="utf-8")
    with pytest.raises(InputError, match="auto_map"):
        advisor.recommend(rows_file, [str(folder)])
    assert advisor.recommend(rows_file, [str(folder)], trust_remote_code=True, revision="main")


def test_a_budget_may_be_none(rows_file: Path, tmp_path: Path) -> None:
    for name, budget in (("a", "none"), ("b", None)):
        found = advisor.probe(rows_file, strategies="baseline", budget=budget, run=tmp_path / name)
        assert found.recommendation is not None


def test_advice_needs_no_rows() -> None:
    (advice,) = advisor.recommend(brief={"rows": 8, "classes": 2})
    assert advice.train_rows == 6
    flip = advice.flips[0]
    (changed,) = advisor.recommend(brief={"rows": 8, "classes": 2}, changes=flip.change)
    assert (advice.advice[0].strategy, changed.advice[0].strategy) == (flip.from_, flip.to)
    with pytest.raises(SettingError, match="text_column without rows"):
        advisor.recommend(text_column="text")
    with pytest.raises(SettingError, match="changes: rows is 'x'"):
        advisor.recommend(changes={"rows": "x"})


def test_only_what_can_be_probed_is_probed(rows_file: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="task is summarisation") as refused:
        advisor.probe(rows_file, brief={"task": "summarisation"}, run=tmp_path / "run")
    assert "advisor recommend" in refused.value.remedy
    assert not (tmp_path / "run").exists()
