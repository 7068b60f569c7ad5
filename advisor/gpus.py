"""Memory, speed and usual price of GPUs by name, for users who plan on a machine other than this one."""

from __future__ import annotations

import difflib
import functools
import re
from typing import NamedTuple

from probes.errors import SettingError


class Gpu(NamedTuple):
    """A GPU as its vendor's data sheet describes it."""

    name: str
    memory_gb: float
    """GB (10⁹ bytes)."""
    bf16: bool
    """Whether bfloat16 arithmetic is native."""
    hourly_price: float
    """Usual on-demand price in US dollars an hour, middle of the range seen in 2026; a brief overrides it."""
    tflops: float
    """Dense 16-bit TFLOP/s at best (10¹² operations a second) by its data sheet; a training sees 12 to 45 % of it."""


GPUS: tuple[Gpu, ...] = (
    Gpu("T4", 16, False, 0.45, 65),
    Gpu("V100", 16, False, 0.8, 125),
    Gpu("L4", 24, True, 0.75, 121),
    Gpu("A10G", 24, True, 1.0, 70),
    Gpu("RTX3090", 24, True, 0.3, 71),
    Gpu("RTX4090", 24, True, 0.5, 165),
    Gpu("L40S", 48, True, 1.3, 362),
    Gpu("A100-40", 40, True, 1.3, 312),
    Gpu("A100-80", 80, True, 1.9, 312),
    Gpu("H100", 80, True, 3.5, 989),
    Gpu("H200", 141, True, 4.7, 989),
    Gpu("MI300X", 192, True, 4.0, 1307),
)

_BY_KEY = {re.sub(r"[^a-z0-9]", "", gpu.name.lower()): gpu for gpu in GPUS}


@functools.cache
def gpu_named(name: str) -> Gpu:
    """Return the GPU a user means.

    Raises
    ------
    SettingError
        If none is called so.

    Examples
    --------
    >>> gpu_named("rtx 4090").memory_gb, gpu_named("NVIDIA H100 SXM").memory_gb
    (24, 80)
    """
    key = re.sub(r"nvidia|amd|geforce|sxm\d?|pcie|gb|[^a-z0-9]", "", name.lower())
    found = _BY_KEY.get(key)
    if found is None:
        close = difflib.get_close_matches(key, list(_BY_KEY), n=1, cutoff=0.6)
        meant = f"Did you mean {_BY_KEY[close[0]].name}? " if close else ""
        raise SettingError(
            f"gpu is {name!r}, which is not in our table",
            f"{meant}Known: {', '.join(gpu.name for gpu in GPUS)}. For another, set gpu_memory_gb; for none, say none.",
        )
    return found


_BY_SIZE = ("T4", "L4", "L40S", "A100-80", "H200", "MI300X")
"""One GPU of each size that clouds rent by the hour, smallest first."""


def gpu_of_size(memory_gb: float) -> Gpu:
    """Return the GPU that stands for one of which only the memory is known: the largest with no more of it.

    Examples
    --------
    >>> [gpu_of_size(size).name for size in (6, 16, 24, 79, 80, 500)]
    ['T4', 'T4', 'L4', 'L40S', 'A100-80', 'MI300X']
    """
    known = [gpu_named(name) for name in _BY_SIZE]
    return max((gpu for gpu in known if gpu.memory_gb <= memory_gb), key=lambda gpu: gpu.memory_gb, default=known[0])
