"""Measurements of a benchmark that takes hours, kept until it has a result: one that was cut off goes on from there."""

from __future__ import annotations

import contextlib
import importlib.metadata
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.common import machine

if TYPE_CHECKING:
    from probes.measurement import Measurement


class Kept:
    """Measurements of one benchmark, in the cache folder, as long as code, versions and machine stay the same.

    Parameters
    ----------
    benchmark : str or None
        Its name; None keeps nothing: a quick run has little to lose.
    """

    def __init__(self, benchmark: str | None) -> None:
        self._folder = benchmark and f"benchmarks/{benchmark}"
        self.seconds = 0.0
        """Of what was asked for and an earlier run had measured: the machine may have been faster or slower then."""

    def measured(self, make: Callable[[], Measurement], *key: object) -> Measurement:
        """Return what an earlier run measured under this key, or measure and keep it; the score goes to stderr.

        Parameters
        ----------
        make : callable
            Measures.
        *key
            What tells it from the others: the data set first, rows, strategy, seed, recipes and the like.
        """
        from advisor.caches import code_of_probes, key_of, load, store
        from probes.measurement import Measurement

        versions = [importlib.metadata.version(name) for name in ("torch", "transformers", "peft", "scikit-learn")]
        name = key_of(code_of_probes(), machine(), *versions, *key)
        again = ""
        found = load(Measurement, self._folder, name) if self._folder else None
        if found is None:
            found = make()
            if self._folder:
                store(found, self._folder, name)
        else:
            self.seconds += found.seconds
            again = ", of an earlier run"
        sys.stderr.write(
            f"{key[0]}, {found.strategy}, {found.train_rows:,} rows, seed {found.seed}: {found.score:.4f}{again}\n"
        )
        return found

    def forget(self) -> None:
        """Begin anew the next time: the benchmark has ended, and its result is written."""
        from advisor.caches import cache_folder

        if self._folder:
            with contextlib.suppress(FileNotFoundError):  # most benchmarks keep nothing
                shutil.rmtree(cache_folder() / self._folder)
