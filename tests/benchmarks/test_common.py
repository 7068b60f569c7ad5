"""What every result of a benchmark says of the machine it was obtained on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

common = pytest.importorskip("benchmarks.common", reason="the benchmarks are not part of a distribution")


def test_a_result_names_the_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    bare = common.machine()
    assert " cores, Python 3." in bare
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "NVIDIA X, 81920"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert "NVIDIA X, " in common.machine()
