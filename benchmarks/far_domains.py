"""Whether transfer is worth it: what is said of chess openings and DNA, far from any language, and of subjectivity.

python -m benchmarks.far_domains [--quick] [--json]
"""

from __future__ import annotations

from benchmarks.common import Claim, main
from benchmarks.probing import probe, score, verdict
from strategies import Outcome

LIGHT = {"strategies": ["baseline", "linear_probe"]}
TUNED = {"strategies": ["baseline", "linear_probe", "lora"], "train_rows": 500}
SETS: tuple[tuple[str, float, bool | None, dict[str, object], int], ...] = (
    ("chess_openings", 0.96, False, LIGHT, 120),
    ("dna_splice", 0.70, None, LIGHT, 120),
    ("subjectivity", 0.83, True, TUNED, 240),
)
"""Data set, least score of TF-IDF, whether transfer is worth it (None: known to nobody beforehand), options, budget."""


def measure(quick: bool) -> list[Claim]:
    """Measure the claims; quick takes 600 training rows and the light strategies."""
    claims = []
    for name, least, worth, more, budget in SETS:
        options = {**LIGHT, "train_rows": 600} if quick else more
        result = probe(name, 38 if quick else budget, **options)
        baseline = verdict(result, "baseline")
        plain = score(result, "baseline")
        if not quick:
            claims.append(Claim(f"{name}: TF-IDF", plain, f"≥ {least}", plain is not None and plain >= least))
            claims += [
                Claim(f"{name}: {v.strategy}", round(v.score.mean, 4), "reported", True)
                for v in result.verdicts
                if v.score and v.strategy != "baseline"
            ]
        choice = result.recommendation
        goals = {True: "worth it: the baseline is refuted", False: "not worth it: the baseline is confirmed"}
        decided = (Outcome.REFUTED, Outcome.CONFIRMED)
        wanted = {True: decided[:1], False: decided[1:]}.get(worth, decided)
        goal, holds = goals.get(worth, "a decision either way"), baseline.verdict in wanted
        claims.append(Claim(f"{name}: what is said", choice.transfer if choice else None, goal, holds))
    return claims


if __name__ == "__main__":
    main("far_domains", measure)
