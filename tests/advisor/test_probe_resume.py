"""A probe that is stopped, resumed, or short of time: nothing is lost, nothing is done twice, the budget holds."""

from __future__ import annotations

import collections
import json
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
from probes.errors import SettingError
from tests.advisor.probe_runs import FOUR, Call, Cli, essence, ledger, whose
from tests.conftest import tiny_rows, write_rows


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


def test_a_run_goes_on_with_more_seeds_as_if_they_had_been_asked_for_at_first(
    rows_file: Path, tiny_encoder: Path, call: Call, tmp_path: Path
) -> None:
    common = ["--model", str(tiny_encoder), "--strategies", "baseline,lora", "--budget", "none"]
    folder = tmp_path / "few"
    code, _, err = call("probe", rows_file, *common, "--seeds", "1", "--run", folder)
    assert code in {0, 3}, err
    before = ledger(folder)
    code, out, err = call("probe", "--resume", "--run", folder, "--budget", "none", "--seeds", "2", "--json")
    assert code in {0, 3}, err
    assert ledger(folder)[: len(before)] == before
    assert [whose(entry) for entry in ledger(folder)[len(before) :]] == [
        ("measurement", "lora", str(tiny_encoder), before[-1]["measurement"]["train_rows"], 1)
    ]
    _, expected, _ = call("probe", rows_file, *common, "--seeds", "2", "--run", tmp_path / "many", "--json")
    assert essence(json.loads(out)) == essence(json.loads(expected))
    for more in (["--resume"], [rows_file, *common, "--resume"]):
        code, again, err = call("probe", *more, "--run", folder, "--json")
        assert essence(json.loads(again)) == essence(json.loads(expected)), "it keeps the seeds that it has"
    code, again, err = call("probe", "--resume", "--run", folder, "--seeds", "1", "--json")
    assert essence(json.loads(again)) == essence(json.loads(expected)), "what was measured counts"
    code, _, err = call("probe", "--resume", "--run", folder, "--seeds", "0")
    assert (code, "--seeds" in err) == (2, True)


def test_a_seed_that_was_measured_again_with_its_search_counts_once(
    finished: tuple[Path, int, dict[str, Any]], call: Call, tmp_path: Path
) -> None:
    folder = shutil.copytree(finished[0], tmp_path / "copy")
    file = folder / "ledger.jsonl"
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    at = next(k for k, e in enumerate(entries) if e["kind"] == "measurement" and e["measurement"]["strategy"] == "lora")
    entries.insert(at, {**entries[at], "measurement": {**entries[at]["measurement"], "trials": []}})
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    code, out, err = call("probe", "--resume", "--run", folder, "--budget", "none", "--seeds", "1", "--json")
    assert code == finished[1], err
    assert essence(json.loads(out)) == essence(finished[2])


def test_a_resumed_run_that_recommends_nothing_keeps_no_config_of_before(
    finished: tuple[Path, int, dict[str, Any]], call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(finished[0], tmp_path / "copy")
    monkeypatch.setattr("advisor.session.recommend", lambda *_: None)
    code, out, err = call("probe", "--resume", "--run", folder, "--budget", "none", "--json")
    assert (code, json.loads(out)["recommendation"]) == (3, None), err
    code, out, err = call("emit", folder)
    assert (code, out) == (2, "")
    assert "recommends nothing" in err


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
    """It is half as long again as a plan takes before the first measurement, and too short for all that comes after."""
    rows = write_rows(tmp_path / "rows.jsonl", tiny_rows(5_000, seed=2))
    asked = ("probe", rows, "--model", tiny_encoder, "--strategies", FOUR, "--json")
    planned = cli(*asked, "--budget", "none", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    budget = 1.5 * plan["seconds_before"] + 2
    assert plan["seconds_before"] + plan["seconds"] > budget
    started = time.monotonic()
    done = cli(*asked, "--budget", f"{budget:.1f}s", "--run", tmp_path / "run")
    seconds = time.monotonic() - started
    assert done.returncode in {0, 3}, done.stderr
    document = json.loads(done.stdout)
    assert document["seconds"] <= budget + 1
    assert seconds <= 1.2 * budget + 1, "starting and ending it took long"
    measured = {m["strategy"] for m in document["measurements"]}
    assert any(note.startswith("With more time") for note in document["notes"]), "5,000 rows are too many"
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


def test_flags_beside_a_resumed_run_are_not_passed_over(finished: tuple[Path, int, dict[str, Any]], call: Call) -> None:
    code, out, err = call("probe", "--resume", "--run", finished[0], "--tolerance", "5", "--metric", "macro_f1")
    assert (code, out) == (2, "")
    assert "--metric, --tolerance would be passed over" in err


def test_a_run_that_another_process_writes_is_refused(
    asked: list[str],
    finished: tuple[Path, int, dict[str, Any]],
    start: Callable[..., subprocess.Popen[str]],
    call: Call,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "taken"
    process = start(*asked, "--run", folder, "--json")
    wait_for(process, folder, "measurement", 1)
    code, out, err = call(*asked, "--resume", "--run", folder)
    assert (code, out) == (2, "")
    assert "another process" in err
    assert process.poll() is None, "the first goes on"
    code, _, err = call(*asked, "--run", folder)
    assert code == 2
    assert "holds a run already" in err
    out, err = process.communicate(timeout=90)
    assert process.returncode == finished[1], err
    assert essence(json.loads(out)) == essence(finished[2])
