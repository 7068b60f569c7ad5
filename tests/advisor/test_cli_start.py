"""The door of the command line: the program itself, and being interrupted before it is there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from advisor.cli.app import main
from advisor.cli.schema import SCHEMAS

INTERRUPTED_AT = """
import signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupts())
sys.argv = ["advisor", "recommend", "--set", "rows=8"]
{door}
"""
DOORS = ("from advisor.cli import main; main()", "import runpy; runpy.run_module('advisor', run_name='__main__')")


@pytest.mark.parametrize("module", ["typer", "advisor.cli.ask", "advisor.engine", "rich.panel"])
@pytest.mark.parametrize("door", DOORS)
def test_ctrl_c_while_it_is_being_loaded_ends_it_quietly(
    module: str, door: str, cli_environment: Mapping[str, str]
) -> None:
    program = INTERRUPTED_AT.format(module=module, door=door)
    done = subprocess.run(
        [sys.executable, "-c", program], env=cli_environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_python_m_advisor_is_the_program(cli_environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "advisor", "recommend", "--set", "rows=many"]
    done = subprocess.run(command, env=cli_environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "rows is 'many'" in done.stderr


def test_a_budget_counts_from_where_the_process_began_or_a_program_called(
    rows_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that has run for long has the whole budget, when it calls the command line."""
    arguments = ["probe", str(rows_file), "--strategies", "baseline", "--budget", "10m", "--dry-run"]
    monkeypatch.setattr("advisor.cli.app.STARTED", time.monotonic() - 600)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
    assert "the budget is 600 s" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["advisor", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "--budget 600s ended" in capsys.readouterr().err


def test_a_schema_holds_no_examples_of_code(cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for name in SCHEMAS:
        done = cli("schema", name)
        assert done.returncode == 0, done.stderr
        assert ">>>" not in done.stdout
        assert json.loads(done.stdout)["description"]
