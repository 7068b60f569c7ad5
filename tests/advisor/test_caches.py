"""What is remembered between runs holds only while the code that computed it does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = "from advisor.cli.app import main; main()"
ROOT = Path(__file__).parents[2]

CHANGES = {
    "profile.py": "def _quantiles(values):\n    return Quantiles(p50=1, p95=1, max=1)\n",
    "cleaning.py": "Intake._splits = lambda self: ({'': 'train'}, '')\n",
    "duplicates.py": "def count_conflicts(*_):\n    return 7\n",
    "language.py": "def guess_language(*_):\n    return 'xx', 1.0\n",
    "profile_notes.py": "def notes(*_):\n    return ('another note',)\n",
}
"""What is added to each module, to change what it does."""


def profile(code: Path, rows: Path, cache: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "profile", str(rows), "--model", "none", "--json"],
        cwd=code,
        env={**os.environ, "PYTHONPATH": str(code), "ADVISOR_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_profile_is_not_remembered_beyond_the_code_that_made_it(rows_file: Path, tmp_path: Path) -> None:
    code, cache = tmp_path / "code", tmp_path / "cache"
    for package in ("advisor", "strategies", "probes"):
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    before = profile(code, rows_file, cache)
    assert profile(code, rows_file, cache) == before
    assert len(list(cache.rglob("profiles/*.json"))) == 1
    for module, change in CHANGES.items():
        file = code / "probes" / module
        content = file.read_text(encoding="utf-8")
        file.write_text(f"{content}\n\n{change}", encoding="utf-8")
        assert profile(code, rows_file, cache) != before, module
        file.write_text(content, encoding="utf-8")
    assert profile(code, rows_file, cache) == before
    assert len(list(cache.rglob("profiles/*.json"))) == 1 + len(CHANGES)
