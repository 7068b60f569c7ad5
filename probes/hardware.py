"""Hardware: devices, memory, dtype support and measured speed."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Literal, Self, TypeVar

from probes.base import Frozen
from probes.errors import RAN_OUT, AdvisorError, OutOfMemory
from probes.recipe import Precision

NVIDIA_TIMEOUT = 5.0
"""Seconds the driver has to say what GPU there is."""

NO_MEMORY = ("out of memory", "allocate memory", "not enough memory", "bad_alloc", "ALLOC_FAILED")
"""What allocators say that have no exception of their own for it: torch's for CPUs, the C++ library's, cuBLAS's."""

T = TypeVar("T")


class Hardware(Frozen):
    """What this machine can do."""

    device: Literal["cpu", "cuda", "mps"]
    device_name: str
    cores: int
    """Cores this process may use."""
    memory_bytes: int
    """Main memory."""
    device_memory_bytes: int | None
    """Memory of the accelerator; None without one."""
    bf16: bool
    """Whether bfloat16 arithmetic is native."""

    @property
    def working_memory(self) -> int:
        """Bytes of the memory that holds a model: the accelerator's own where it has one."""
        return self.device_memory_bytes or self.memory_bytes


class Speed(Frozen):
    """What one model does on this machine, measured on a few batches of the user's own rows."""

    threads: int
    """CPU threads that trained fastest."""
    precision: Precision
    """Arithmetic that trained fastest among those the machine runs natively."""
    forward_rows_per_second: float
    train_rows_per_second: float
    """Rows per second of forward and backward pass and optimiser step, all weights trained; where the memory does not
    hold that, what the forward pass lets expect."""


def inspect_hardware() -> Hardware:
    """Look at this machine.

    Returns
    -------
    Hardware
        The accelerator that torch sees, or the CPU.
    """
    import psutil
    import torch

    cores = _cores()
    memory = int(psutil.virtual_memory().total)
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Hardware(
            device="cuda",
            device_name=properties.name,
            cores=cores,
            memory_bytes=memory,
            device_memory_bytes=int(properties.total_memory),
            bf16=torch.cuda.is_bf16_supported(including_emulation=False),
        )
    if torch.backends.mps.is_available():
        return Hardware(
            device="mps",
            device_name="Apple GPU",
            cores=cores,
            memory_bytes=memory,
            device_memory_bytes=None,
            bf16=False,
        )
    return Hardware(
        device="cpu",
        device_name=platform.processor() or platform.machine(),
        cores=cores,
        memory_bytes=memory,
        device_memory_bytes=None,
        bf16=_cpu_has_bf16(),
    )


def glance_at_hardware() -> Hardware:
    """Look at this machine without loading torch: enough for advice, which asks for memory and little else.

    Returns
    -------
    Hardware
        An NVIDIA GPU where the driver's `nvidia-smi` answers, Apple's GPU on its processors, else the CPU. `bf16` is
        False: only torch could say.
    """
    import psutil

    machine = {"cores": _cores(), "memory_bytes": int(psutil.virtual_memory().total)}
    if found := _nvidia_gpu():
        name, memory = found
        return Hardware(device="cuda", device_name=name, device_memory_bytes=memory, bf16=False, **machine)
    if (platform.system(), platform.machine()) == ("Darwin", "arm64"):
        return Hardware(device="mps", device_name="Apple GPU", device_memory_bytes=None, bf16=False, **machine)
    name = platform.processor() or platform.machine()
    return Hardware(device="cpu", device_name=name, device_memory_bytes=None, bf16=False, **machine)


def _nvidia_gpu() -> tuple[str, int | None] | None:
    """Ask the driver for name and memory of the GPU that torch would take; None where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    program = shutil.which("nvidia-smi")
    if program is None or (visible is not None and visible.strip() in {"", "-1"}):
        return None
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    if visible:
        query.append(f"--id={visible.split(',')[0]}")
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_TIMEOUT, check=True)  # noqa: S603
        name, memory = answer.stdout.strip().splitlines()[0].rsplit(",", 1)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):  # a driver that does not answer is no GPU
        return None
    # A GPU that shares the main memory has none of its own to name.
    return name.strip(), int(memory) * 2**20 if memory.strip().isdigit() else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 natively; emulated, it is slower than float32."""
    import torch

    capability = getattr(torch.cpu, "get_capabilities", None)
    if capability is not None:
        found = capability()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16") or found.get("arm_bf16") or found.get("bf16"))
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


@contextlib.contextmanager
def memory_is_an_outcome(doing: str, rows: int | None = None) -> Iterator[None]:
    """Turn running out of memory into an outcome of the measurement.

    Parameters
    ----------
    doing : str
        What memory ran out at, for the message.
    rows : int, optional
        Rows read at a time; None where fewer would not help.

    Raises
    ------
    OutOfMemory
        Where the body runs out of memory.
    """
    try:
        yield
    except AdvisorError:
        raise
    except Exception as error:
        if not _ran_out(error):
            raise
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise OutOfMemory(f"{RAN_OUT} {doing} ({said})", rows) from error


def _ran_out(error: Exception) -> bool:
    """Whether an exception of whatever library says that memory ran out."""
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(phrase in str(error) for phrase in NO_MEMORY)
    )


def give_back_memory() -> None:
    """Let go of what nobody holds any more, on the accelerator too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    elif torch is not None and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def with_fewer_rows(attempt: Callable[[int], T], rows: int) -> T:
    """Do something with so many rows at a time, and where memory runs out with half as many, down to one.

    Parameters
    ----------
    attempt : callable
        From the rows to read at a time to the result.
    rows : int

    Raises
    ------
    OutOfMemory
        Where one row is too many, or fewer would not help.

    Examples
    --------
    >>> def attempt(rows):
    ...     with memory_is_an_outcome(f"at {rows} rows at a time", rows):
    ...         if rows > 4:
    ...             raise MemoryError
    ...     return rows
    >>> with_fewer_rows(attempt, 16)
    4
    """
    while True:
        try:
            return attempt(rows)
        except OutOfMemory as error:
            if error.rows is None or error.rows == 1:
                raise
        # Out of the handler: until there the exception holds the frames that hold the memory.
        give_back_memory()
        rows //= 2


class PeakMemory:
    """Watch the most memory held while a block runs.

    On a CPU: the resident memory of this process, sampled fifty times a second. On a CUDA device: its allocated memory.

    Examples
    --------
    >>> with PeakMemory("cpu") as memory:
    ...     _ = bytearray(1000)
    >>> memory.bytes > 1_000_000
    True
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.bytes = 0

    def __enter__(self) -> Self:
        if self._device == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats()
            return self
        import psutil

        process = psutil.Process()
        self.bytes = int(process.memory_info().rss)

        def watch() -> None:
            while not self._stop.wait(0.02):
                self.bytes = max(self.bytes, int(process.memory_info().rss))

        self._thread = threading.Thread(target=watch, daemon=True, name="peak-memory")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._device == "cuda":
            import torch

            self.bytes = int(torch.cuda.max_memory_allocated())
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
