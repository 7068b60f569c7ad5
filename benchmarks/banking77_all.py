"""banking77 with MiniLM and all its training rows: the best candidate, every verdict, the recommendation and why.

python -m benchmarks.banking77_all [--quick] [--json]
"""

from __future__ import annotations

from benchmarks.common import Claim, main
from benchmarks.probing import probe, score, verdict

STRATEGIES = ["baseline", "linear_probe", "lora", "full"]


def measure(quick: bool) -> list[Claim]:
    """Measure the claims; quick measures the light strategies on 1,500 rows."""
    names = STRATEGIES[:2] if quick else STRATEGIES
    result = probe("banking77", 110 if quick else 2400, strategies=names, train_rows=1500 if quick else None)
    best = max((v.score.mean for v in result.verdicts if v.score), default=0.0)
    goal = 0.85 if quick else 0.92
    claims = [Claim("best candidate", round(best, 4), f"≥ {goal}", best >= goal)]
    for name in names:
        said = verdict(result, name)
        rows = max((m.train_rows for m in result.measurements if m.strategy == name), default=None)
        claims.append(Claim(f"{name}: accuracy", score(result, name), f"reported; learned from {rows} rows", None))
        claims.append(Claim(f"{name}: verdict", f"{said.verdict}: {said.because}", "reported", None))
    choice = result.recommendation
    why = f"{choice.strategy} ({choice.verdict}): {choice.because}" if choice else None
    claims.append(Claim("recommendation", why, "one is made", choice is not None))
    return claims


if __name__ == "__main__":
    main("banking77_all", measure)
