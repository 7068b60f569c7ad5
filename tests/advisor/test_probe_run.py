"""The main job with a real (tiny) encoder: probe, report, emit, train, predict."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any

import pytest

from tests.advisor.probe_runs import FOUR, Call, ledger, whose


def test_a_probe_measures_everything_it_was_asked(finished: tuple[Path, int, dict[str, Any]]) -> None:
    folder, code, document = finished
    assert [v["strategy"] for v in document["verdicts"]] == FOUR.split(",")
    assert {m["strategy"] for m in document["measurements"]} == set(FOUR.split(","))
    tests = {len(m["predictions"]) for m in document["measurements"]}
    assert len(tests) == 1, "all are scored on the same rows"
    assert all(m["score"] > 0.5 for m in document["measurements"]), "the words tell the class"
    assert (code == 0) == (document["recommendation"]["verdict"] == "CONFIRMED")
    for tuned in (m for m in document["measurements"] if m["strategy"] in {"lora", "full"}):
        assert len(tuned["trials"]) >= 3, "three learning rates, and more while the best lies at the edge"
        best = max(t["validation_score"] for t in tuned["trials"])
        assert tuned["validation_score"] == best
    assert document["run"] == str(folder)


def test_the_run_folder_holds_the_same(finished: tuple[Path, int, dict[str, Any]]) -> None:
    folder, _, document = finished
    names = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
    wanted = "request brief facts advice verdicts recommendation result"
    assert {f"{name}.json" for name in wanted.split()} | {"ledger.jsonl", "config.yaml"} <= names

    def read(name: str) -> Any:
        return json.loads((folder / name).read_text(encoding="utf-8"))

    assert read("result.json") == document
    assert read("verdicts.json") == document["verdicts"]
    assert read("recommendation.json") == document["recommendation"]
    assert read("advice.json") == document["advice"]
    measured = [e["measurement"] for e in ledger(folder) if e["kind"] == "measurement"]
    assert measured == document["measurements"]
    counts = collections.Counter(map(whose, ledger(folder)))
    assert max(counts.values()) == 1
    assert sum(key[0] == "trial" for key in counts) >= 6


def test_report_shows_it_again(finished: tuple[Path, int, dict[str, Any]], call: Call) -> None:
    folder, code, document = finished
    again, out, _ = call("report", folder, "--json")
    assert (again, json.loads(out)) == (code, document)
    again, page, _ = call("report", folder)
    assert again == code
    for verdict in document["verdicts"]:
        assert verdict["strategy"] in page
        assert verdict["verdict"] in page


def test_every_candidate_has_a_curve(finished: tuple[Path, int, dict[str, Any]], call: Call) -> None:
    folder, _, document = finished
    assert [curve["strategy"] for curve in document["curves"]] == [m["strategy"] for m in document["measurements"]]
    for curve, measured in zip(document["curves"], document["measurements"], strict=True):
        rows = measured["train_rows"]
        assert curve["points"] == [{"train_rows": rows, "score": measured["score"], "seeds": 1}]
        assert [at["size"] for at in curve["predictions"]] == [2 * rows, 4 * rows]
        assert all("test rows say too little of a score" in at["why_not"] for at in curve["predictions"])
    _, page, _ = call("report", folder)
    assert "What if you label more?" in page


def test_a_curve_goes_on_where_rows_are_enough(many_rows_file: Path, call: Call, tmp_path: Path) -> None:
    asked = ("probe", many_rows_file, "--strategies", "baseline", "--budget", "none")
    code, out, err = call(*asked, "--run", tmp_path / "run", "--json")
    assert code == 3, err
    [curve] = json.loads(out)["curves"]
    assert [point["train_rows"] for point in curve["points"]] == [262, 525, 1_050]
    assert [at["size"] for at in curve["predictions"]] == [2_100, 4_200]
    assert all(at["low"] < at["value"] <= at["high"] for at in curve["predictions"])


@pytest.mark.parametrize("strategy", ["linear_probe", "lora", "full"])
def test_emit_train_predict(
    strategy: str, finished: tuple[Path, int, dict[str, Any]], rows_file: Path, call: Call, tmp_path: Path
) -> None:
    """Train each tuned recipe from a config that the run's own was made into."""
    import numpy as np
    import yaml
    from sentence_transformers import SentenceTransformer

    run, _, document = finished
    config = tmp_path / "config.yaml"
    assert call("emit", run, "--out", config)[0] == 0
    plain = yaml.safe_load(config.read_text(encoding="utf-8"))
    assert plain["strategy"] == document["recommendation"]["strategy"]
    measured = next(m for m in document["measurements"] if m["strategy"] == strategy)
    plain |= {"strategy": strategy, "method": measured["recipe"], "model": {"name": measured["model"]}}
    config.write_text(yaml.safe_dump(plain), encoding="utf-8")

    folder = tmp_path / "model"
    code, out, err = call("train", config, "--out", folder, "--json")
    assert code == 0, err
    trained = json.loads(out)
    assert trained["test_score"] == pytest.approx(measured["score"])
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8")) == trained
    files = {file.name for file in folder.iterdir()}
    assert {"README.md", "config.yaml", "tokenizer.json", "advisor.json"} <= files
    assert not {"checkpoints", "pytorch_model.bin"} & files

    code, out, err = call("predict", folder, rows_file)
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    rows = [json.loads(line) for line in rows_file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(rows)
    for line in lines:
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert line["probability"] == max(line["probabilities"].values())
        assert line["probabilities"][line["label"]] == line["probability"]
    assert "accuracy 0." in err or "accuracy 1." in err

    # Anybody without this project gets the same from the folder.
    logits = SentenceTransformer(str(folder), device="cpu").encode([row["text"] for row in rows])
    classes = sorted(lines[0]["probabilities"])
    assert [classes[k] for k in np.argmax(logits, axis=1)] == [line["label"] for line in lines]


def test_the_emitted_config_of_the_baseline_trains(
    rows_file: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("probe", rows_file, "--strategies", "baseline", "--json")
    assert code == 3, "nothing was compared"
    run = Path(json.loads(out)["run"])
    assert run.parent == Path("advisor-runs"), "without --run it lies below advisor-runs/"
    code, out, _ = call("emit", run)
    assert (code, out) == (0, (run / "config.yaml").read_text(encoding="utf-8"))
    assert call("emit", run, "--out", "recipe.yaml")[0] == 0
    code, page, _ = call("train", "recipe.yaml")
    assert code == 0
    assert "recipe-model" in page
    code, out, _ = call("predict", "recipe-model", rows_file, "--json")
    found = json.loads(out)
    assert (code, len(found["predictions"]), found["labelled"]) == (0, 120, 120)
    assert found["accuracy"] > 0.9
    # Rows without labels will do.
    (tmp_path / "new.csv").write_text("text\nrefund my invoice\ncourier parcel\n", encoding="utf-8")
    code, out, err = call("predict", "recipe-model", "new.csv", "--out", "answers.jsonl")
    assert (code, out) == (0, ""), err
    answers = [json.loads(line) for line in Path("answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [a["label"] for a in answers] == ["billing", "delivery"]
    code, out, err = call("predict", "recipe-model", "new.csv", "--out", "answers.jsonl/below")
    assert (code, out) == (2, "")
    assert "cannot be written" in err


def test_encoders_are_not_prompted(rows_file: Path, tiny_encoder: Path, call: Call, tmp_path: Path) -> None:
    code, out, _ = call(
        "probe", rows_file, "--model", tiny_encoder, "--strategies", "zero_shot,few_shot", "--run", tmp_path, "--json"
    )
    document = json.loads(out)
    assert {v["strategy"]: v["verdict"] for v in document["verdicts"]} == {
        "baseline": "UNDECIDED",
        "zero_shot": "NOT_APPLICABLE",
        "few_shot": "NOT_APPLICABLE",
    }
    assert code == 3
    assert "was not measured" in document["recommendation"]["transfer"]


def test_where_nothing_reaches_the_target_nothing_is_recommended(call: Call, tmp_path: Path) -> None:
    noise = tmp_path / "noise.jsonl"
    rows = [{"text": f"word{i} other{i * 7 % 50}", "label": "ab"[i * i % 7 % 2]} for i in range(200)]
    noise.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _ = call(
        "probe", noise, "--strategies", "baseline", "--target", "1", "--run", tmp_path / "run", "--json"
    )
    assert code == 3
    assert json.loads(out)["recommendation"] is None
    code, _, err = call("emit", tmp_path / "run")
    assert code == 2
    assert "recommends nothing" in err


def test_the_emitted_config_draws_the_same_test_rows_where_a_split_column_was_passed_over(
    tmp_path: Path, call: Call
) -> None:
    rows = [
        {
            "text": f"{'good' if i % 2 else 'bad'} thing {i}",
            "label": "ab"[i % 2],
            "split": ["train", "test"][i % 3 == 0],
        }
        for i in range(120)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run, config, model = tmp_path / "run", tmp_path / "c.yaml", tmp_path / "model"
    code, out, err = call("probe", file, "--split-column", "none", "--run", run, "--json")
    assert code in {0, 3}, err
    tests = len(json.loads(out)["measurements"][0]["predictions"])
    assert call("emit", run, "--out", config)[0] == 0
    code, out, err = call("train", config, "--out", model, "--json")
    assert code == 0, err
    assert json.loads(out)["test_rows"] == tests == 24
    assert "differ" not in err
