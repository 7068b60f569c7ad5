"""Training configs of candidates that a run measured and does not recommend."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import advisor
from advisor.run import Run
from advisor.session import result_of
from probes.files import write_text
from tests.advisor.probe_runs import Call
from tests.conftest import tiny_rows, write_rows


@pytest.fixture(scope="module")
def two_models(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a model and a copy of it."""
    return tiny_encoder, Path(shutil.copytree(tiny_encoder, tmp_path_factory.mktemp("models") / "copy of it"))


@pytest.fixture(scope="module")
def finished(two_models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the rows of a run that measured the baseline and a linear probe on two models, and its document."""
    rows = write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", tiny_rows(120, seed=1))
    models, run = [str(model) for model in two_models], tmp_path_factory.mktemp("runs") / "run"
    result = advisor.probe(rows, models=models, strategies="linear_probe", budget=None, run=run)
    return rows, json.loads(result.model_dump_json())


def others(document: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return the candidates that were measured and are not recommended."""
    best = document["recommendation"]
    measured = {(m["strategy"], m["model"]) for m in document["measurements"]}
    return sorted(measured - {(best["strategy"], best["model"])}, key=str)


def test_the_config_of_another_candidate_trains_it_as_it_was_measured(
    finished: tuple[Path, dict[str, Any]], call: Call, tmp_path: Path
) -> None:
    _, document = finished
    strategy, model = others(document)[-1]
    assert (strategy, bool(model)) == ("linear_probe", True)
    file, folder = tmp_path / "config.yaml", tmp_path / "model"
    code, _, err = call("emit", document["run"], "--strategy", strategy, "--model", model, "--out", file)
    assert code == 0, err
    text = file.read_text(encoding="utf-8")
    best = document["recommendation"]
    assert f"Asked for by name; the run recommends {best['strategy']}" in text
    config = yaml.safe_load(text)
    (measured,) = [m for m in document["measurements"] if (m["strategy"], m["model"]) == (strategy, model)]
    assert (config["strategy"], config["method"]) == (strategy, measured["recipe"])
    code, out, err = call("emit", document["run"], "--strategy", strategy, "--model", model, "--json")
    assert (code, json.loads(out)) == (0, config), err
    code, out, err = call("train", file, "--out", folder, "--json")
    assert code == 0, err
    assert json.loads(out)["test_score"] == pytest.approx(measured["score"])


def test_a_run_that_recommends_nothing_has_configs_of_what_it_measured(
    finished: tuple[Path, dict[str, Any]], call: Call, tmp_path: Path
) -> None:
    _, document = finished
    folder = shutil.copytree(document["run"], tmp_path / "copy")
    (folder / "config.yaml").unlink()
    result = result_of(Run.open(folder)).model_copy(update={"recommendation": None})
    write_text(folder / "result.json", result.model_dump_json())
    code, _, err = call("emit", folder)
    assert code == 2
    assert "or name a candidate with --strategy" in err
    code, out, err = call("emit", folder, "--strategy", "baseline")
    assert code == 0, err
    assert "Asked for by name; the run recommends nothing." in out


def test_what_was_not_measured_or_is_not_one_candidate_is_named(
    finished: tuple[Path, dict[str, Any]], two_models: tuple[Path, Path], call: Call
) -> None:
    _, document = finished
    for asked, said in (
        (("--strategy", "lora"), "has not measured lora"),
        (("--strategy", "linear_probe"), "was measured on several models"),
        (("--strategy", "linear_probe", "--model", "nowhere"), "has not measured linear_probe on nowhere"),
        (("--model", two_models[0]), "without --strategy"),
    ):
        code, out, err = call("emit", document["run"], *asked)
        assert (code, out) == (2, "")
        assert said in " ".join(err.split())
        assert "--strategy lora" in err or "linear_probe on" in err


def test_rows_that_changed_since_are_refused(finished: tuple[Path, dict[str, Any]], call: Call, tmp_path: Path) -> None:
    rows, document = finished
    before = rows.read_bytes()
    try:
        rows.write_bytes(b"".join(before.splitlines(keepends=True)[:-1]))
        code, out, err = call("emit", document["run"], "--strategy", "baseline")
    finally:
        rows.write_bytes(before)
    assert (code, out) == (2, "")
    assert "are not those the run in" in " ".join(err.split())
