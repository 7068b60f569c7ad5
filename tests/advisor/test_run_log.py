"""`run.log`: a line an event with its time, there after a kill, gone on with by --resume, free of what is secret."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisor.events import Dropped, Failed, Progressed, Said, Started
from advisor.run_log import LOG, RunLog
from probes.errors import SettingError
from tests.advisor.made_events import LORA, PROBE, measured, planned
from tests.advisor.probe_runs import Call

LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.+)")


def lines(folder: Path) -> list[str]:
    """Return what the log says, after a look at each line's time."""
    found = []
    before = datetime.min.replace(tzinfo=UTC)
    for line in (folder / LOG).read_text(encoding="utf-8").splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, line
        time = datetime.fromisoformat(match[1])
        assert before <= time <= datetime.now(UTC)
        before, text = time, match[2]
        found.append(text)
    return found


def test_events_are_kept_but_for_progress(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log(Said("probing"))
        log(planned())
        log(Started(candidate=LORA, rows=1_112, seed=0, why="rung 1 of 3", seconds=40.0))
        log(Progressed(candidate=LORA, what="tuning", done=42, total=100))
        log(measured(LORA, 1_112, 0.873))
        log(Dropped(candidate=PROBE, reason="it lies behind"))
        log(Failed(candidate=LORA, rows=3_334, seed=0, reason="the budget is spent", out_of_time=True))
    assert lines(tmp_path) == [
        "begun",
        "said probing",
        "planned 4 candidates on 1,112, 3,334, 10,000 training rows, 3 seeds at the most, 600 s left",
        "started lora on minilm, 1,112 rows, seed 0: begun, rung 1 of 3, about 40 s",
        "measured lora on minilm, 1,112 rows, seed 0: .873 ± .029 on validation rows, 41 s",
        "dropped linear_probe on minilm was dropped: it lies behind",
        "failed lora on minilm, 3,334 rows, seed 0: no time: the budget is spent",
        "ended",
    ]


def test_a_resumed_run_goes_on_with_its_log(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log(Said("probing"))
    with RunLog(tmp_path, resumed=True) as log:
        log(Said("comparing"))
    assert lines(tmp_path) == ["begun", "said probing", "ended", "resumed", "said comparing", "ended"]


@pytest.mark.parametrize("text", ["two\nlines", "\r\x1b[2J", "2026-01-01T00:00:00.000Z said\u2028other", "a\ud800b"])
def test_no_text_makes_a_second_line(text: str, tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log(Dropped(candidate=LORA, reason=text))
        log(Said(text))
    assert len(lines(tmp_path)) == 4


def test_a_kill_loses_no_line(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from advisor.events import Said\nfrom advisor.run_log import RunLog\n"
        f"with RunLog(Path({str(tmp_path)!r})) as log:\n"
        "    for k in range(20):\n        log(Said(f'sentence {k}'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert lines(tmp_path) == ["begun", *(f"said sentence {k}" for k in range(20))]


def test_a_line_that_was_cut_short_does_not_run_into_the_next(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("2026-01-01T00:00:00.000Z said prob", encoding="utf-8")
    with RunLog(tmp_path, resumed=True):
        pass
    assert lines(tmp_path) == ["said prob", "resumed", "ended"]


@pytest.mark.parametrize(
    ("error", "says"), [(KeyboardInterrupt(), "interrupted"), (OSError("s3cret"), "ended by OSError")]
)
def test_how_it_ended_is_kept_and_not_what_a_library_put_into_it(
    error: BaseException, says: str, tmp_path: Path
) -> None:
    with pytest.raises(type(error)), RunLog(tmp_path):
        raise error
    assert lines(tmp_path) == ["begun", says]


def test_a_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOG).mkdir()
    with pytest.raises(SettingError, match=r"run\.log cannot be written .*\n.*another --run"), RunLog(tmp_path):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_does_not_end_the_run_through_its_log(tmp_path: Path) -> None:
    (tmp_path / LOG).symlink_to("/dev/full")
    with RunLog(tmp_path) as log:
        log(Said("probing"))
        log(Said("comparing"))


# The whole of it, on real rows


def test_a_probe_keeps_its_log_and_goes_on_with_it(
    rows_file: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "s3cret" * 5)
    run = tmp_path / "run"
    asked = ("probe", rows_file, "--strategies", "baseline", "--target", "0.5", "--run", run, "--quiet")
    assert call(*asked)[0] == 0
    first = lines(run)
    assert first[0] == "begun"
    assert first[-1] == "ended"
    assert sum(line.startswith("measured baseline, ") for line in first) == 1
    assert [line.split()[0] for line in first if "baseline" in line][-2:] == ["started", "measured"]
    assert call(*asked, "--resume")[0] == 0
    both = lines(run)
    assert both[: len(first)] == first
    assert both[len(first)] == "resumed"
    assert sum("from an earlier part of this run" in line for line in both) == 1
    text = (run / LOG).read_text(encoding="utf-8")
    assert "s3cret" not in text
    assert not [value for value in map(os.environ.get, ("HF_TOKEN",)) if value and value in text]
