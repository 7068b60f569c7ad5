"""Verbs that measure nothing start without the heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = {"torch", "transformers", "sklearn", "pandas", "datasets", "peft", "sentence_transformers"}

PROGRAM = """
import sys
from advisor.cli.app import main
try:
    main(sys.argv[1:])
finally:
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def finished_run(cli: Callable[..., subprocess.CompletedProcess[str]], rows_file: Path) -> Path:
    folder = rows_file.parent / "run-of-startup"
    done = cli("probe", rows_file, "--strategies", "baseline", "--target", "0.5", "--run", folder, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == str(folder)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["probe", "--help"],
        ["train", "--help"],
        ["rules"],
        ["rules", "--json"],
        ["recommend", "--data", "@rows", "--model", "@model"],
        ["emit", "@run"],
        ["report", "@run"],
        ["schema", "config"],
        ["schema", "brief"],
        ["schema", "probe"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_loaded(
    arguments: list[str],
    finished_run: Path,
    rows_file: Path,
    tiny_encoder: Path,
    cli: Callable[..., subprocess.CompletedProcess[str]],
    cli_environment: dict[str, str],
) -> None:
    if arguments[0] == "recommend":
        assert cli("profile", rows_file, "--model", tiny_encoder).returncode == 0  # leaves the profile in the cache
    meant = {"@rows": str(rows_file), "@model": str(tiny_encoder), "@run": str(finished_run)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(meant.get(a, a) for a in arguments)],
        env=cli_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    loaded = set(done.stderr.rpartition("LOADED ")[2].split())
    assert "advisor" in loaded
    assert loaded & HEAVY == set()
