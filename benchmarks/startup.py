"""How long the light verbs take as whole processes, and that none of them loads torch.

python -m benchmarks.startup [--quick] [--json]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import Claim, main

HEAVY = ("torch", "transformers", "peft", "sklearn", "datasets", "pandas")


def _seconds(arguments: list[str], repeats: int) -> float:
    """Return the median seconds of a process."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(arguments, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(quick: bool) -> list[Claim]:
    """Measure the claims."""
    repeats = 3 if quick else 15
    from advisor.demo import ROWS

    nothing = _seconds([sys.executable, "-c", "pass"], repeats)
    claims = [Claim("python -c pass, seconds", round(nothing, 4), "reported", None)]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        subprocess.run(
            [*_advisor(), "probe", str(ROWS), "--strategies", "baseline", "--run", str(run), "--budget", "60s"],
            check=False,
            capture_output=True,
        )
        verbs = {
            "--help": ["--help"],
            "recommend (cached profile)": ["recommend", "--data", str(ROWS), "--model", "minilm"],
            "rules": ["rules"],
            "emit": ["emit", str(run)],
            "schema config": ["schema", "config"],
        }
        for name, arguments in verbs.items():
            subprocess.run([*_advisor(), *arguments], check=True, capture_output=True)  # fills the cache
            seconds = _seconds([*_advisor(), *arguments], repeats)
            claims.append(Claim(f"{name}: seconds", round(seconds, 3), "below 1", seconds < 1))
            claims.append(Claim(f"{name}: ratio to python -c pass", round(seconds / nothing, 1), "reported", None))
            loaded = _loaded(arguments)
            claims.append(Claim(f"{name}: heavy modules", ", ".join(loaded) or "none", "none", not loaded))
    return claims


def _advisor() -> list[str]:
    return [sys.executable, "-c", "from advisor.cli.app import main; main()"]


def _loaded(arguments: list[str]) -> list[str]:
    """Return the heavy modules that a verb has loaded when it ends."""
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print('LOADED', *[m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))\n"
        "from advisor.cli.app import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    line = next(line for line in done.stderr.splitlines() if line.startswith("LOADED"))
    return line.split()[1:]


if __name__ == "__main__":
    main("startup", measure)
