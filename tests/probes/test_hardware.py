"""This machine, and the memory a block holds."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from probes.hardware import Hardware, PeakMemory, Speed, glance_at_hardware, inspect_hardware


def test_this_machine_is_described() -> None:
    found = inspect_hardware()
    assert found.device in {"cpu", "cuda", "mps"}
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.memory_bytes > 10**8
    assert found.device_name
    assert (found.device_memory_bytes is not None) == (found.device == "cuda")
    assert Hardware.model_validate_json(found.model_dump_json()) == found


def test_speed_goes_through_json() -> None:
    speed = Speed(threads=2, precision="bf16", forward_rows_per_second=3.5, train_rows_per_second=1.25)
    assert Speed.model_validate_json(speed.model_dump_json()) == speed


def test_peak_memory_sees_what_a_block_held() -> None:
    with PeakMemory("cpu") as small:
        pass
    with PeakMemory("cpu") as large:
        held = bytearray(120 << 20)
        threading.Event().wait(0.15)
        held[-1] = 1
        del held
    assert large.bytes - small.bytes > 80 << 20


def test_the_watching_thread_ends_even_after_a_failure() -> None:
    with pytest.raises(ValueError, match="x"), PeakMemory("cpu") as memory:
        raise ValueError("x")
    assert memory.bytes > 0
    assert "peak-memory" not in {t.name for t in threading.enumerate()}


def test_a_glance_sees_the_same_machine_and_loads_no_torch() -> None:
    code = (
        "import sys, probes.hardware as h; print(h.glance_at_hardware().model_dump_json());"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    document, loaded = done.stdout.rsplit(maxsplit=1)
    assert loaded == "False"
    glance, look = Hardware.model_validate_json(document), inspect_hardware()
    assert (glance.cores, glance.memory_bytes) == (look.cores, look.memory_bytes)
    if look.device != "cpu":
        assert (glance.device, glance.device_name) == (look.device, look.device_name)


def driver(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program into the place of the GPU driver's."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_glance_asks_the_driver_for_the_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, monkeypatch, 'echo "$@" >> asked; echo "NVIDIA X, 24 GB, 24576"; echo "NVIDIA Y, 8192"')
    monkeypatch.chdir(tmp_path)
    found = glance_at_hardware()
    assert (found.device, found.device_name, found.device_memory_bytes) == ("cuda", "NVIDIA X, 24 GB", 24 * 2**30)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    assert glance_at_hardware().device == "cuda"
    first, second = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert "--id" not in first
    assert second.endswith("--id=1")
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert glance_at_hardware().device != "cuda"


@pytest.mark.parametrize("script", ["exit 9", "echo No devices were found", ":", "exec sleep 60"])
def test_a_driver_that_does_not_answer_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr("probes.hardware.NVIDIA_TIMEOUT", 0.5)
    driver(tmp_path, monkeypatch, script)
    assert glance_at_hardware().device != "cuda"


def test_a_gpu_may_share_the_main_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, monkeypatch, 'echo "NVIDIA Z, [N/A]"')
    found = glance_at_hardware()
    assert (found.device, found.device_name, found.device_memory_bytes) == ("cuda", "NVIDIA Z", None)
