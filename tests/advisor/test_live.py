"""What a user sees while a probe runs: a table in a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pexpect
import pytest

from advisor.events import Dropped, Failed, Progressed, Said, Started
from advisor.report.live import Shown
from strategies import Candidate
from tests.advisor.made_events import BASELINE, FULL, LORA, PROBE, measured, planned
from tests.advisor.probe_runs import Call

ROOT = Path(__file__).parents[2]
SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"
"""What shows the cursor, and what hides it."""
NASTY = ["[bold]x[/]", "[/oops]", "[red", ":smile:", "\\[a]", "%s {0}", "[@click=quit]q[/]"]


def on_screen(sent: str) -> list[str]:
    """Return the lines that stand on a terminal after what was sent to it, as far as we send."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", sent):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif up := re.fullmatch(r"\x1b\[(\d+)A", part):
            row = max(0, row - int(up[1]))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines]


class Terminal:
    """A program in a terminal of its own, with all it has sent."""

    def __init__(self, program: list[str], environment: Mapping[str, str], lines: int, columns: int) -> None:
        self.sent = io.StringIO()
        mine = {key: value for key, value in environment.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}}
        self._process = pexpect.spawn(
            program[0],
            program[1:],
            cwd=ROOT,
            env={**mine, "TERM": "xterm"},
            encoding="utf-8",
            timeout=60,
            dimensions=(lines, columns),
        )
        self._process.logfile_read = self.sent

    def wait_for(self, text: str) -> None:
        """Wait until a text was sent."""
        self._process.expect(re.escape(text))

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.sendintr()

    def close(self) -> int:
        """Wait for the end; return the exit code, or the signal below zero."""
        self._process.expect(pexpect.EOF)
        self._process.close()
        code = self._process.exitstatus
        return -int(self._process.signalstatus) if code is None else int(code)

    def stop(self) -> None:
        """End the program whatever it does."""
        self._process.close(force=True)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(cli_environment: dict[str, str]) -> Iterator[Open]:
    """Return the function that starts a program in a terminal of its own."""
    opened: list[Terminal] = []

    def start(*program: str | Path, lines: int = 24, columns: int = 80) -> Terminal:
        opened.append(Terminal(list(map(str, program)), cli_environment, lines, columns))
        return opened[-1]

    yield start
    for one in opened:
        one.stop()


RACE = """
import sys, time
from advisor.events import Dropped, Progressed, Said, Started
from advisor.report.live import Shown
from tests.advisor.made_events import BASELINE, LORA, PROBE, measured, planned

with Shown() as shown:
    shown(Said("keeping the run in a/folder/with/a/name/" + "that is longer than the line " * 3 + "end"))
    shown(planned())
    shown(measured(PROBE, 10_000, 0.8))
    shown(Dropped(BASELINE, "it lies behind"))
    shown(Started(LORA, 1_112, 0, "rung 1 of 3", 40.0))
    shown(Progressed(LORA, "tuning", 42, 100))
    {then}
print("the end")
"""
PATH = "a/folder/with/a/name/" + "that is longer than the line " * 3 + "end"


def race(terminal: Open, then: str) -> Terminal:
    return terminal(sys.executable, "-c", RACE.format(then=then))


def test_the_table_goes_when_the_work_is_done(terminal: Open) -> None:
    shown = race(terminal, "time.sleep(1.2)")
    shown.wait_for("42 %")
    assert shown.close() == 0
    sent = shown.sent.getvalue()
    assert "Validation scores" in sent
    assert ".800 ±.035" in sent
    clocks = re.findall(r"(\d+:\d\d) left", sent)
    assert len(set(clocks)) > 1, "time counts down without an event"
    left = [line for line in on_screen(sent) if line]
    assert "Validation scores" not in "".join(left)
    assert left[-1] == "the end"
    assert sent.rindex(SHOW) > sent.rindex(HIDE)


def test_stdout_is_left_alone(terminal: Open, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = terminal("/bin/sh", "-c", 'exec "$@" > "$0"', out, sys.executable, "-c", RACE.format(then="pass"))
    assert shown.close() == 0
    assert "Validation scores" in shown.sent.getvalue()
    assert out.read_text(encoding="utf-8") == "the end\n"


def test_a_path_to_copy_stays_and_is_not_broken(terminal: Open) -> None:
    shown = race(terminal, "pass")
    assert shown.close() == 0
    assert f"keeping the run in {PATH}" in on_screen(shown.sent.getvalue())


@pytest.mark.parametrize(
    ("then", "code"),
    # Short sleeps: an interrupt between Python's last look for one and the start of a sleep is seen when that ends.
    [("[time.sleep(.1) for _ in range(600)]", -signal.SIGINT), ("raise SystemExit(7)", 7), ("1 / 0", 1)],
    ids=["Ctrl-C", "exit", "error"],
)
def test_an_end_before_the_end_restores_the_terminal_and_keeps_what_came_out(
    then: str, code: int, terminal: Open
) -> None:
    shown = race(terminal, f"shown.say('now'); {then}")
    shown.wait_for("42 %")
    if "sleep" in then:
        shown.interrupt()
    assert shown.close() == code
    sent = shown.sent.getvalue()
    assert sent.rindex(SHOW) > sent.rindex(HIDE)
    left = "\n".join(on_screen(sent))
    assert left.count("Validation scores") == 1
    assert "±.035" in left
    assert "▸" not in left, "nothing runs any more"


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal: Open) -> None:
    program = RACE.format(then="pass")
    shown = terminal("/usr/bin/env", "TERM=dumb", sys.executable, "-c", program)
    assert shown.close() == 0
    assert "\x1b" not in shown.sent.getvalue()
    assert "linear_probe on minilm, 10,000 rows, seed 0: .800 ± .035 on validation rows, 41 s" in shown.sent.getvalue()


def test_work_that_is_no_race_has_a_bar(terminal: Open) -> None:
    program = (
        "from advisor.report.live import Shown\n"
        "import time\n"
        "with Shown() as shown:\n"
        "    shown.say('training on 800 rows'); shown.work('epoch [1]', 30, 120); time.sleep(.8); shown.say('saving')\n"
    )
    shown = terminal(sys.executable, "-c", program)
    assert shown.close() == 0
    sent = shown.sent.getvalue()
    assert "30/120 epoch [1]" in sent
    assert [line for line in on_screen(sent) if line] == ["training on 800 rows", "saving"]


def test_where_there_is_no_terminal_each_outcome_is_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Shown() as shown:
        shown(Said("probing"))
        shown(planned())
        shown(Started(candidate=LORA, rows=1_112, seed=0, why="rung 1 of 3", seconds=40.0))
        shown(Progressed(candidate=LORA, what="tuning", done=42, total=100))
        shown(measured(LORA, 1_112, 0.873, converged=False))
        shown(measured(BASELINE, 300, 0.8, found=True))
        shown(Dropped(candidate=PROBE, reason="it lies behind"))
        shown(Failed(candidate=FULL, rows=1_112, seed=2, reason="no memory\nwas left"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "probing",
        "4 candidates on 1,112, 3,334, 10,000 training rows, 3 seeds at the most, 600 s left",
        "lora on minilm, 1,112 rows, seed 0: .873 ± .029 on validation rows, 41 s, not converged",
        "baseline, 300 rows, seed 0: .800 ± .035 on validation rows, 41 s, from an earlier part of this run",
        "linear_probe on minilm was dropped: it lies behind",
        "full on minilm, 1,112 rows, seed 2: failed: no memory\\nwas left",
    ]


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Shown(quiet=True) as shown:
        shown(Said("probing"))
        shown(planned())
        shown(measured(LORA, 1_112, 0.873))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", NASTY)
def test_text_is_literal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Shown() as shown:
        shown.say(text)
        shown(Dropped(candidate=Candidate(strategy="lora", model=text), reason=text))
    assert capsys.readouterr().err.splitlines() == [text, f"lora on {text} was dropped: {text}"]


def test_a_reader_that_went_away_does_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    nobody_reads = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stderr", nobody_reads)
    with Shown() as shown:
        shown(measured(BASELINE, 1_112, 0.8))
        shown(measured(LORA, 1_112, 0.8))
    with pytest.raises(BrokenPipeError):  # so it was one
        nobody_reads.close()


# The whole of it, on real rows


def test_a_probe_in_a_terminal(rows_file: Path, terminal: Open, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shown = terminal(
        sys.executable, "-c", "from advisor.cli.app import main; main()",
        "probe", rows_file, "--strategies", "baseline", "--target", "0.5", "--run", run,
    )  # fmt: skip
    shown.wait_for("Validation scores")
    shown.wait_for("baseline")
    shown.wait_for(" left")
    shown.wait_for("±")
    assert shown.close() == 0
    left = on_screen(shown.sent.getvalue())
    assert f"keeping the run in {run}" in left
    assert "Validation scores" not in "".join(left)
    assert any("CONFIRMED" in line for line in left)


def test_a_probe_without_a_terminal(rows_file: Path, call: Call, tmp_path: Path) -> None:
    code, out, err = call("probe", rows_file, "--strategies", "baseline", "--run", tmp_path / "run", "--json")
    assert code == 3, err
    (line,) = [line for line in err.splitlines() if "on validation rows" in line]
    said = json.loads(out)["measurements"][0]
    assert f"1 candidate on {said['train_rows']:,} training rows, " in err
    assert " at the most" not in err, "it depends on no seed"
    assert line.startswith(f"baseline, {said['train_rows']:,} rows, seed 0: ")
    assert f"{said['validation_score']:.3f}".removeprefix("0") in line
    assert not {"\x1b", "\r"} & set(err)


@pytest.mark.parametrize("flags", [[], ["--json"], ["--dry-run"], ["--json", "--dry-run"]], ids=" ".join)
def test_a_quiet_probe(flags: list[str], rows_file: Path, call: Call, tmp_path: Path) -> None:
    where = [] if "--dry-run" in flags else ["--run", tmp_path / "run"]
    asked = "probe", rows_file, "--strategies", "baseline", "--target", "0.5"
    code, out, err = call(*asked, "--quiet", *where, *flags)
    assert (code, err) == (0, "")
    if "--json" in flags:
        json.loads(out)
    else:
        assert "baseline" in out


def test_a_quiet_probe_still_says_what_is_wrong(call: Call, tmp_path: Path) -> None:
    code, _, err = call("probe", tmp_path / "missing.csv", "--quiet")
    assert code == 2
    assert "missing.csv" in err


@pytest.mark.parametrize("flags", ["", "quiet=True"])
def test_what_a_library_prints_does_not_reach_stdout(flags: str) -> None:
    program = f"from advisor.report.live import Shown\nwith Shown({flags}): print('chatter')\nprint('ours')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "ours\n"
    assert done.stderr == ("" if flags else "chatter\n")
