"""`advisor probe --jobs`: the same result from several processes as from one, also where they are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.advisor.probe_runs import Call, essence, ledger, whose


def test_two_processes_give_the_result_of_one_although_they_are_killed(
    asked: list[str],
    finished: tuple[Path, int, dict[str, Any]],
    cli_environment: dict[str, str],
    call: Call,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    program = [sys.executable, "-m", "advisor", *map(str, asked), "--run", str(folder), "--jobs", "2", "--json"]
    process = subprocess.Popen(program, env=cli_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killed: list[psutil.Process] = []
    end = time.monotonic() + 120
    while not killed and time.monotonic() < end and process.poll() is None:
        # A trial is on disk, so a worker is in the middle of a search.
        file = folder / "ledger.jsonl"
        if file.is_file() and b'"kind": "trial"' in file.read_bytes():
            for worker in psutil.Process(process.pid).children(recursive=True):
                if "spawn_main" in " ".join(worker.cmdline()):
                    worker.kill()
                    killed.append(worker)
        time.sleep(0.02)
    out, err = process.communicate(timeout=240)
    assert killed, err
    assert process.returncode == finished[1], err
    assert essence(json.loads(out)) == essence(finished[2])
    assert "again after a worker was lost" in (folder / "run.log").read_text(encoding="utf-8")
    made, expected = (sorted(map(whose, ledger(run)), key=str) for run in (folder, finished[0]))
    assert made == expected, "what was finished is not made again"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--jobs", "0"], "Give 1 or more"),
        (["--executor", "dask"], "Allowed: local, ray"),
    ],
)
def test_what_cannot_run_is_refused(flags: list[str], says: str, asked: list[str], call: Call, tmp_path: Path) -> None:
    code, out, err = call(*asked, *flags, "--run", tmp_path / "run")
    assert (code, out) == (2, "")
    assert says in err
    assert not (tmp_path / "run").exists()


def test_a_plan_says_how_many_at_once(asked: list[str], call: Call) -> None:
    code, out, _ = call(*asked, "--dry-run", "--jobs", "2", "--json")
    assert code == 0
    assert json.loads(out)["workers"] == 2
    assert "2 measurements at once" in call(*asked, "--dry-run", "--jobs", "2")[1]
