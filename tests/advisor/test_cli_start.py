"""The door of the command line: the program itself, and being interrupted before it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

INTERRUPTED_AT = """
import signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupts())
from advisor.cli import main
sys.argv = ["advisor", "recommend", "--set", "rows=8"]
main()
"""


@pytest.mark.parametrize("module", ["typer", "advisor.cli.ask", "advisor.engine", "rich.panel"])
def test_ctrl_c_while_it_is_being_loaded_ends_it_quietly(module: str, cli_environment: Mapping[str, str]) -> None:
    program = INTERRUPTED_AT.format(module=module)
    done = subprocess.run(
        [sys.executable, "-c", program], env=cli_environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_schema_holds_no_examples_of_code(cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for name in ("brief", "config", "recommend", "probe", "profile"):
        done = cli("schema", name)
        assert done.returncode == 0, done.stderr
        assert ">>>" not in done.stdout
        assert json.loads(done.stdout)["description"]
