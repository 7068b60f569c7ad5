"""The plan of a probe, with a real (tiny) encoder: what it would do, and that it does none of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.advisor.probe_runs import Call, Cli


@pytest.fixture(scope="module")
def planned(many_rows_file: Path, tiny_encoder: Path, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the plan of a probe without a limit, and the folder it was made in."""
    folder = tmp_path_factory.mktemp("plan")
    done = cli(
        "probe", many_rows_file, "--model", tiny_encoder, "--strategies", "baseline,zero_shot,linear_probe,lora",
        "--budget", "none", "--seeds", "2", "--dry-run", "--json", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder


def test_it_names_each_step_in_its_order_and_writes_nothing(planned: Any) -> None:
    plan, folder = planned
    assert [(s["strategy"], s["train_rows"], s["seed"], s["search_rows"]) for s in plan["steps"]] == [
        ("baseline", 1_050, 0, 0),
        ("linear_probe", 1_050, 0, 0),
        ("lora", 1_050, 0, 1_000),
        ("lora", 1_050, 1, 0),
        ("baseline", 525, 0, 0),
        ("linear_probe", 525, 0, 0),
        ("baseline", 262, 0, 0),
        ("linear_probe", 262, 0, 0),
    ]
    assert [s["curve"] for s in plan["steps"]] == 4 * [False] + 4 * [True]
    assert all(s["fits"] and s["seconds"] > 0 for s in plan["steps"])
    assert plan["seconds"] == pytest.approx(sum(s["seconds"] for s in plan["steps"]))
    assert plan["seconds_before"] > 0
    assert plan["seconds_beyond"] == 0
    (out,) = plan["left_out"]
    assert out["strategy"] == "zero_shot"
    assert list(folder.iterdir()) == []


def test_what_the_budget_does_not_allow_is_marked(
    planned: Any, many_rows_file: Path, tiny_encoder: Path, cli: Cli
) -> None:
    """It allows a few of many steps, by the times of a plan made here before."""
    before, first = planned[0]["seconds_before"], planned[0]["steps"][2]["seconds"]
    budget = round(1.5 * before + 3 * first + 2)
    done = cli(
        "probe", many_rows_file, "--model", tiny_encoder, "--strategies", "lora,full,dora,ia3", "--budget",
        f"{budget}s", "--seeds", "20", "--dry-run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"the budget is {budget} s" in done.stdout
    assert " yes " in done.stdout
    assert " no " in done.stdout
    assert "What does not fit" in done.stdout


def test_a_probe_makes_the_steps_of_its_plan(many_rows_file: Path, call: Call, tmp_path: Path) -> None:
    asked = ("probe", many_rows_file, "--strategies", "baseline", "--budget", "none")
    code, out, err = call(*asked, "--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(out)
    code, out, err = call(*asked, "--run", tmp_path / "run", "--json")
    assert code == 3, err
    made = [(m["train_rows"], m["seed"]) for m in json.loads(out)["measurements"]]
    assert [(s["train_rows"], s["seed"]) for s in plan["steps"]] == made == [(1_050, 0), (525, 0), (262, 0)]
    _, page, _ = call(*asked, "--dry-run")
    assert page.count("learning curve") == 2
