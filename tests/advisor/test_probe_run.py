"""The main job with a real (tiny) encoder: probe, report, emit, train, predict; and what happens when it is stopped."""

from __future__ import annotations

import collections
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import advisor
from advisor.cli.app import main
from probes.errors import SettingError
from tests.conftest import tiny_rows, write_rows

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Call = Callable[..., tuple[int, str, str]]
FOUR = "baseline,linear_probe,lora,full"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return the function that runs a verb in this process, as if the process had just begun."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("advisor.cli.app.STARTED", time.monotonic())
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return run


@pytest.fixture(scope="module")
def asked(rows_file: Path, tiny_encoder: Path) -> list[str]:
    return [
        "probe",
        str(rows_file),
        "--model",
        str(tiny_encoder),
        "--strategies",
        FOUR,
        "--budget",
        "none",
        "--seeds",
        "1",
    ]


@pytest.fixture(scope="module")
def finished(asked: list[str], cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, dict[str, Any]]:
    """Return the folder, the exit code and the document of a probe nobody disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    done = cli(*asked, "--run", folder, "--json")
    assert done.returncode in {0, 3}, done.stderr
    return folder, done.returncode, json.loads(done.stdout)


def ledger(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]


def whose(entry: dict[str, Any]) -> tuple[object, ...]:
    """Tell one finished piece of work from the others."""
    if entry["kind"] == "trial":
        trial = entry["trial"]
        return "trial", entry["strategy"], entry["model"], entry["seed"], trial["setting"], trial["train_rows"]
    measured = entry["measurement"]
    return "measurement", measured["strategy"], measured["model"], measured["train_rows"], measured["seed"]


def essence(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what depends on the clock and the folder."""

    def timeless(entry: dict[str, Any]) -> dict[str, Any]:
        settle = re.sub(r"about [\d.,]+ (s|min|h) more here", "", entry["settle"])
        return {k: v for k, v in entry.items() if k != "seconds"} | {"settle": settle}

    return {
        "recommendation": timeless(document["recommendation"]),
        "verdicts": [timeless(verdict) for verdict in document["verdicts"]],
        "scores": {m["strategy"]: (m["score"], m["train_rows"], m["predictions"]) for m in document["measurements"]},
    }


def test_a_probe_measures_everything_it_was_asked(finished: tuple[Path, int, dict[str, Any]]) -> None:
    folder, code, document = finished
    assert [v["strategy"] for v in document["verdicts"]] == FOUR.split(",")
    assert {m["strategy"] for m in document["measurements"]} == set(FOUR.split(","))
    tests = {len(m["predictions"]) for m in document["measurements"]}
    assert len(tests) == 1, "all are scored on the same rows"
    assert all(m["score"] > 0.5 for m in document["measurements"]), "the words tell the class"
    assert (code == 0) == (document["recommendation"]["verdict"] == "CONFIRMED")
    for tuned in (m for m in document["measurements"] if m["strategy"] in {"lora", "full"}):
        assert len(tuned["trials"]) == 3
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
    assert sum(key[0] == "trial" for key in counts) == 6


def test_report_shows_it_again(finished: tuple[Path, int, dict[str, Any]], call: Call) -> None:
    folder, code, document = finished
    again, out, _ = call("report", folder, "--json")
    assert (again, json.loads(out)) == (code, document)
    again, page, _ = call("report", folder)
    assert again == code
    for verdict in document["verdicts"]:
        assert verdict["strategy"] in page
        assert verdict["verdict"] in page


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
    assert code == 0
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


@pytest.fixture
def start(cli_environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return the function that starts a verb in a process that the test may stop."""
    begun: list[subprocess.Popen[str]] = []

    def popen(*arguments: str | Path) -> subprocess.Popen[str]:
        program = [sys.executable, "-c", "from advisor.cli.app import main; main()", *map(str, arguments)]
        begun.append(
            subprocess.Popen(
                program,
                env=cli_environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # A shell starts background jobs with Ctrl-C ignored, and that is inherited.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        )
        return begun[-1]

    yield popen
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], folder: Path, kind: str, count: int, seconds: float = 90) -> None:
    """Wait until the ledger of a running probe holds so many entries of a kind."""
    end = time.monotonic() + seconds
    file = folder / "ledger.jsonl"
    while time.monotonic() < end:
        if file.is_file() and file.read_text(encoding="utf-8").count(f'"kind": "{kind}"') >= count:
            return
        assert process.poll() is None, f"it ended before {count} {kind}: {process.communicate()}"
        time.sleep(0.02)
    raise AssertionError(f"no {count} {kind} within {seconds} s")


def test_kill_and_resume(
    asked: list[str],
    finished: tuple[Path, int, dict[str, Any]],
    start: Callable[..., subprocess.Popen[str]],
    call: Call,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "killed"
    process = start(*asked, "--run", folder, "--json")
    wait_for(process, folder, "trial", 4)  # three of LoRA, and full fine-tuning has begun
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    before = ledger(folder)
    assert not (folder / "result.json").exists()
    code, out, err = call("report", folder)
    assert (code, out) == (2, ""), "a run that has not ended has nothing to report"
    assert "--resume" in err

    code, out, err = call("probe", "--resume", "--run", folder, "--budget", "none", "--json")
    _, expected_code, expected = finished
    assert code == expected_code, err
    after = ledger(folder)
    assert after[: len(before)] == before, "what was finished stays"
    assert max(collections.Counter(map(whose, after)).values()) == 1, "nothing was measured twice"
    assert sorted(map(whose, after), key=str) == sorted(map(whose, ledger(finished[0])), key=str)
    assert essence(json.loads(out)) == essence(expected)


def test_control_c_ends_it_and_loses_nothing(
    asked: list[str], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "interrupted"
    process = start(*asked, "--run", folder, "--json")
    wait_for(process, folder, "measurement", 1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "interrupted" in err
    assert f"keeping the run in {folder}" in err, "one must know what to resume"
    assert [e["kind"] for e in ledger(folder)][:1] == ["measurement"]


def test_a_finished_run_resumes_at_once_and_a_broken_end_is_dropped(
    finished: tuple[Path, int, dict[str, Any]], asked: list[str], call: Call, tmp_path: Path
) -> None:
    folder = shutil.copytree(finished[0], tmp_path / "copy")
    with (folder / "ledger.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"kind": "measurement", "measurement": {"strat')
    code, out, err = call(*asked, "--resume", "--run", folder, "--json")
    assert code == finished[1], err
    assert essence(json.loads(out)) == essence(finished[2])


def test_a_broken_line_within_the_ledger_is_refused(
    finished: tuple[Path, int, dict[str, Any]], asked: list[str], call: Call, tmp_path: Path
) -> None:
    folder = shutil.copytree(finished[0], tmp_path / "copy")
    file = folder / "ledger.jsonl"
    file.write_text("{oops\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    code, _, err = call(*asked, "--resume", "--run", folder)
    assert code == 2
    assert "line 1 is broken" in err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--seeds", "2"], "seeds differ"),
        (["--train-rows", "50"], "train_rows differ"),
        (["--tolerance", "3"], "brief differ"),
        (["--split-seed", "1"], "not those"),
        (["--strategies", "baseline"], "strategies differ"),
    ],
    ids=str,
)
def test_other_flags_do_not_resume(
    flags: list[str], says: str, finished: tuple[Path, int, dict[str, Any]], asked: list[str], call: Call
) -> None:
    before = {file: file.stat().st_mtime_ns for file in finished[0].iterdir()}
    code, out, err = call(*asked, *flags, "--resume", "--run", finished[0])
    assert (code, out) == (2, "")
    assert says in err
    assert {file: file.stat().st_mtime_ns for file in finished[0].iterdir()} == before


def test_other_rows_do_not_resume(
    finished: tuple[Path, int, dict[str, Any]], asked: list[str], rows_file: Path, call: Call, tmp_path: Path
) -> None:
    rows = rows_file.read_text(encoding="utf-8").splitlines(keepends=True)
    other = tmp_path / rows_file.name
    other.write_text("".join(rows[:-1]), encoding="utf-8")
    code, _, err = call("probe", other, *asked[2:], "--resume", "--run", finished[0])
    assert code == 2
    assert "are not those the run" in err


def test_the_budget_is_a_promise(tiny_encoder: Path, cli: Cli, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", tiny_rows(9_000, seed=2))
    started = time.monotonic()
    done = cli(
        "probe", rows, "--model", tiny_encoder, "--strategies", FOUR, "--budget", "14s",
        "--run", tmp_path / "run", "--json",
    )  # fmt: skip
    seconds = time.monotonic() - started
    assert done.returncode in {0, 3}, done.stderr
    document = json.loads(done.stdout)
    assert document["seconds"] <= 14
    assert seconds <= 14 * 1.1 + 1
    measured = {m["strategy"] for m in document["measurements"]}
    assert any(note.startswith("With more time") for note in document["notes"]), "9,000 rows are too many for 14 s"
    assert "baseline" in measured
    for verdict in document["verdicts"]:
        assert (verdict["verdict"] == "NOT_MEASURED") == (verdict["strategy"] not in measured)
        if verdict["verdict"] == "NOT_MEASURED":
            assert verdict["because"]
            assert verdict["score"] is None


def test_the_budget_holds_while_rows_are_read(cli: Cli, tmp_path: Path) -> None:
    """Reading alone takes longer than what the budget leaves it: it is stopped, and nothing is left behind."""
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "".join(f"text number {n},{n % 3}\n" for n in range(300_000)), encoding="utf-8")
    done = cli("probe", rows, "--budget", "2.8s", "--run", tmp_path / "run", "--json")
    assert done.returncode == 2
    assert "--budget 2.8s ended before the rows and the models were read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_budget_holds_while_rows_are_profiled(
    rows_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A run cut off there holds no measurement; with more time it goes on."""

    def slow(*_: object, **__: object) -> None:
        time.sleep(60)

    with monkeypatch.context() as patched:
        patched.setattr("advisor.advising.profile", slow)
        with pytest.raises(SettingError, match="budget 5s ended before the rows were profiled"):
            advisor.probe(rows_file, strategies="baseline", budget=5, run=tmp_path)
    assert advisor.probe(rows_file, strategies="baseline", budget="1m", run=tmp_path, resume=True).measurements


def test_encoders_are_not_prompted(rows_file: Path, tiny_encoder: Path, call: Call, tmp_path: Path) -> None:
    code, out, _ = call(
        "probe", rows_file, "--model", tiny_encoder, "--strategies", "zero_shot,few_shot", "--run", tmp_path, "--json"
    )
    document = json.loads(out)
    assert {v["strategy"]: v["verdict"] for v in document["verdicts"]} == {
        "baseline": "CONFIRMED",
        "zero_shot": "NOT_APPLICABLE",
        "few_shot": "NOT_APPLICABLE",
    }
    assert code == 0
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


def test_flags_beside_a_resumed_run_are_not_passed_over(finished: tuple[Path, int, dict[str, Any]], call: Call) -> None:
    code, out, err = call("probe", "--resume", "--run", finished[0], "--tolerance", "5", "--seeds", "3")
    assert (code, out) == (2, "")
    assert "--tolerance, --seeds would be passed over" in err


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


def test_a_run_that_another_process_writes_is_refused(
    finished: tuple[Path, int, dict[str, Any]], asked: list[str], call: Call
) -> None:
    from advisor.run import Run

    lock = Run.open(finished[0]).lock()
    try:
        code, _, err = call(*asked, "--resume", "--run", finished[0])
    finally:
        lock.release()
    assert code == 2
    assert "another process" in err
