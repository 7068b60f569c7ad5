"""`advisor explain`: from a brief or a run, each strategy from its prior to where it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.app import main
from advisor.engine import advise
from advisor.explain import Explanation, explain
from advisor.facts import Facts
from advisor.rules.base import Rule, push
from advisor.rules.start import PRIOR

NAMES = tuple(PRIOR)
BRIEF = "rows: 3000\nclasses: 12\nmodel_kind: causal\nmodel_parameters: 7e9\ngpu_memory_gb: 8\n"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert stopped.value.code in {0, 3}, err
    return out


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    file = tmp_path / "brief.yaml"
    file.write_text(BRIEF, encoding="utf-8")
    return file


def test_the_steps_lead_from_the_prior_to_the_total() -> None:
    advice = advise(Facts(rows=3_000, classes=12, model_kind="causal", model_parameters=7 * 10**9), NAMES)
    told = explain(advice)
    assert [one.strategy for one in told.strategies] == [entry.strategy for entry in advice.advice]
    for one, entry in zip(told.strategies, advice.advice, strict=True):
        assert one.steps[0].rule == "lightest-first"
        assert sorted(step.rule for step in one.steps) == sorted(reason.rule for reason in entry.reasons)
        total = 0.0
        for step in one.steps:
            if step.effect == "block" or (one.blocked and step.log_odds is None):
                assert (step.log_odds, step.probability) == (None, 0.0)
                continue
            total += float(step.effect)
            assert step.log_odds == pytest.approx(total, abs=1e-4)
        assert one.steps[-1].probability == pytest.approx(entry.probability, abs=1e-3)


def test_blocks_come_last() -> None:
    rules = [
        Rule("shut", "S", "a test", ("lora",), lambda _: push("Shut.", lora="block")),
        Rule("cheer", "S", "a test", ("lora",), lambda _: push("Great.", lora="+S")),
    ]
    (told,) = explain(advise(Facts(), ("lora",), rules)).strategies
    assert [(step.rule, step.log_odds) for step in told.steps] == [("cheer", 1.6), ("shut", None)]
    assert told.blocked


def test_a_brief_is_explained(brief: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(run(capsys, "explain", brief, "--json"))
    (told,) = Explanation.model_validate(document).models
    assert {one.strategy for one in told.strategies} == set(NAMES)
    assert told.train_rows == 2_100
    page = run(capsys, "explain", brief)
    assert "lora: " in page
    assert "× blocked" in page


def test_settings_and_strategies_can_be_given(brief: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("explain", brief, "--set", "rows=1k", "--strategy", "qlora", "--strategy", "lora", "--json")
    (told,) = json.loads(run(capsys, *asked))["models"]
    assert told["train_rows"] == 700
    assert {one["strategy"] for one in told["strategies"]} == {"lora", "qlora"}


def test_a_run_is_explained_by_the_facts_it_kept(
    rows_file: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    probed = ("probe", rows_file, "--model", tiny_encoder, "--strategies", "baseline", "--run", folder, "--json")
    result: dict[str, Any] = json.loads(run(capsys, *probed))
    (told,) = json.loads(run(capsys, "explain", folder, "--json"))["models"]
    assert told["model"] == str(tiny_encoder)
    assert told["train_rows"] == result["advice"][0]["train_rows"]
    ours = {one["strategy"]: one["probability"] for one in told["strategies"]}
    assert {e["strategy"]: e["probability"] for e in result["advice"][0]["advice"]}.items() <= ours.items()
    swept = json.loads(run(capsys, "whatif", folder, "--vary", "rows=50:5000", "--points", 5, "--json"))
    assert swept["model"] == str(tiny_encoder)


def test_settings_alone_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = json.loads(run(capsys, "explain", "--set", "rows=8", "--json"))["models"]
    assert told["train_rows"] == 6
