"""The backtest: regret, the plain policies, and which rules a table may not judge."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

backtest = pytest.importorskip("benchmarks.backtest", reason="the benchmarks are not part of a distribution")
from benchmarks.backtest_tables import PUBLISHED, Decision, Table  # noqa: E402 - after the skip

ENCODER = {"model_kind": "encoder", "model_parameters": 110_000_000}


def decision(rows: int = 500, tie: float = 0.0, **scores: float) -> Decision:
    return Decision(
        table="made up",
        name="made up",
        rows=rows,
        options=dict.fromkeys(scores, ENCODER),
        facts={"classes": 2},
        scores=scores,
        tie=tie,
    )


def test_regret_is_what_was_lost() -> None:
    made = decision(full=80.0, lora=79.0, setfit=70.5, tie=1.0)
    assert [made.regret(name) for name in ("full", "lora", "setfit")] == [0.0, 0.0, 9.5]


@pytest.mark.parametrize(
    ("rows", "scored", "lora", "thresholds"),
    [
        (99, {"full": 1, "lora": 1, "setfit": 1}, "lora", "setfit"),
        (100, {"full": 1, "lora": 1, "setfit": 1}, "lora", "lora"),
        (10_000, {"full": 1, "ia3": 1, "setfit": 1}, "ia3", "ia3"),
        (10_001, {"full": 1, "lora": 1}, "lora", "full"),
        (10_001, {"full": 0, "lora": 1}, "lora", "lora"),
        (500, {"full": 1, "setfit": 1}, "setfit", "setfit"),
    ],
)
def test_the_plain_policies(rows: int, scored: dict[str, float], lora: str, thresholds: str) -> None:
    made = decision(rows, **scored)
    assert backtest.always_lora(made) == lora
    assert backtest.always_full(made) == "full"
    assert backtest.three_thresholds(made) == thresholds


def test_the_engine_follows_its_rules_and_prefers_the_lighter() -> None:
    assert backtest.engine([])(decision(full=1, lora=1)) == "lora"
    assert backtest.engine(backtest.RULES)(decision(full=1, lora=1)) in {"full", "lora"}


def test_a_tie_is_not_called_a_win() -> None:
    table = Table("made up", re.compile("nothing like it"), (decision(lora=1, full=1),))
    claims = {claim.name.removeprefix("made up: "): claim for claim in backtest.judge(table)}
    assert claims["regret of always LoRA, points"].holds is None
    assert claims["rules drawn from it"].value == "none"
    table = Table("made up", re.compile("common practice"), table.decisions)
    claims = {claim.name.removeprefix("made up: "): claim for claim in backtest.judge(table)}
    assert "lightest-first" in str(claims["rules drawn from it"].value)


@pytest.mark.shared
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published tables beside the checkout")
def test_it_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.backtest", "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode in (0, 1), done.stderr
    document = json.loads(done.stdout)
    assert len({made["table"] for made in document["decisions"]}) == 5
    assert len(document["decisions"]) == 18 + 24 + 4 + 2 + 2


def test_the_rules_named_as_written_with_a_table_in_view_are_rules() -> None:
    known = {rule.id for rule in backtest.RULES}
    assert all(set(ids) <= known for ids in backtest.IN_VIEW.values())


@pytest.mark.shared
def test_they_are_named_for_tables_there_are_and_left_out_where_a_table_must_not_judge_them() -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("the published tables do not lie beside the checkout")
    by_name = {table.name: table for table in backtest.tables()}
    assert set(backtest.IN_VIEW) <= set(by_name)
    for name, ids in backtest.IN_VIEW.items():
        assert not set(ids) & {rule.id for rule in backtest._unseen(by_name[name])}
