"""This machine, and the memory a block holds."""

from __future__ import annotations

import os
import threading

import pytest

from probes.hardware import Hardware, PeakMemory, Speed, inspect_hardware


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
