"""Kills at random moments: whatever they hit, the run that is gone on with says what an undisturbed one says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.advisor.probe_runs import Call, essence, ledger, whose
from tests.conftest import remember_one_thread, tiny_rows, write_rows
from tests.probes.conftest import make_model

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

STRATEGIES = "zero_shot,baseline,linear_probe,lora,full"


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return found


def entries(folder: Path) -> dict[tuple[object, ...], Any]:
    """Return what the ledger holds, by what it is about, without what depends on the clock."""
    found = {}
    for entry in ledger(folder):
        kind = entry["kind"]
        if kind in {"trial", "measurement"}:
            timed = {"seconds", "search_seconds", "peak_bytes"}
            kept = {k: v for k, v in entry[kind].items() if k not in timed}
            for trial in kept.get("trials", ()):
                trial.pop("seconds")
            assert whose(entry) not in found, "nothing was measured twice"
            found[whose(entry)] = kept
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the folder of the runs and when they were hit; see `tests.advisor.killing`."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "tmp").mkdir()
    model = make_model(folder / "lläma", "causal")  # can do all there is
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADVISOR_CACHE", str(folder / "cache"))
        remember_one_thread(model)
    ask = {
        "folder": str(folder / "runs"),
        "cache": str(folder / "cache"),
        "request": {
            "rows": str(write_rows(folder / "rows.jsonl", tiny_rows(90))),
            "models": str(model),
            "strategies": STRATEGIES,
            "seeds": 2,
        },
        "seed": 20,
        "least": 20,
        "singles": 2,
        "chains": 4,
        "links": 6,
        "jobs": 2,
    }
    (folder / "runs").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.advisor.killing", json.dumps(ask)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder / "tmp")},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_the_same_request_says_the_same(runs: tuple[Path, dict[str, Any]]) -> None:
    first, second = runs[0] / "runs" / "first", runs[0] / "runs" / "second"
    assert essence(document(first)) == essence(document(second))
    assert list(entries(first).items()) == list(entries(second).items())


def test_kills_at_random_moments_change_no_verdict(runs: tuple[Path, dict[str, Any]]) -> None:
    folder, found = runs
    assert sum(found["hits"].values()) >= 20, found
    expected, whole = essence(document(folder / "runs" / "first")), entries(folder / "runs" / "first")
    assert {v["verdict"] for v in expected["verdicts"]} - {"NOT_MEASURED", "NOT_APPLICABLE"}
    for name in found["hits"]:
        assert essence(document(folder / "runs" / name)) == expected, name
        assert entries(folder / "runs" / name) == whole, name


@pytest.mark.parametrize("cut", ["in the middle of a letter", "before the line's end", "at half"])
def test_a_torn_last_line_is_measured_again(
    cut: str, runs: tuple[Path, dict[str, Any]], call: Call, tmp_path: Path
) -> None:
    whole = runs[0] / "runs" / "first"
    folder = shutil.copytree(whole, tmp_path / "torn")
    content = (folder / "ledger.jsonl").read_bytes()
    lines = content.splitlines(keepends=True)
    # A judgement ends the ledger; the measurement before it is what there is to lose.
    place = max(i for i, line in enumerate(lines) if b'"kind": "measurement"' in line)
    before, last = lines[:place], lines[place]
    letter = last.index("ä".encode()) + 1
    end = {"in the middle of a letter": letter, "before the line's end": len(last) - 1, "at half": len(last) // 2}[cut]
    (folder / "ledger.jsonl").write_bytes(b"".join(before) + last[:end])
    code, out, err = call("probe", "--resume", "--run", folder, "--budget", "none", "--json")
    assert code in {0, 3}, err
    assert essence(json.loads(out)) == essence(document(whole))
    assert entries(folder) == entries(whole)


def test_killed_processes_leave_nothing_lying_about(
    runs: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes.scratch import scratch_folder

    monkeypatch.setattr("tempfile.tempdir", str(runs[0] / "tmp"))
    with scratch_folder():
        pass
    assert [file.name for file in (runs[0] / "tmp").iterdir() if file.name.startswith("advisor")] == []
    for name in runs[1]["hits"]:
        left = [file.name for file in (runs[0] / "runs" / name).iterdir() if file.name.endswith(".part")]
        assert left == [], name
