"""How many what-if evaluations a second one core makes, and that each is what the whole engine says.

python -m benchmarks.whatif [--quick] [--json]
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from advisor.engine import weigh
from advisor.facts import Facts
from advisor.flips import flips
from advisor.rules import RULES
from advisor.rules.start import PRIOR
from advisor.scales import SCALES
from advisor.whatif import WhatIf
from benchmarks.common import Claim, main

GOAL = 10_000
SITUATION = Facts(
    rows=3_000,
    classes=20,
    input_tokens=300,
    gpu_memory_gb=24,
    gpus=1,
    compute="limited",
    model_kind="causal",
    model_parameters=7_000_000_000,
    instruction_tuned=True,
    requests_per_month=30_000,
)
"""Much is known, so that many rules speak."""


def _rate(evaluate: Callable[[dict[str, Any]], object], changes: list[dict[str, Any]], repeats: int) -> float:
    """Return evaluations per second of processor time: the best of several runs, since others share the machine."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        for change in changes:
            evaluate(change)
        best = min(best, time.process_time() - start)
    return len(changes) / best


def measure(quick: bool) -> list[Claim]:
    """Measure the claims."""
    repeats, strategies = (3 if quick else 15), tuple(PRIOR)
    what_if = WhatIf(SITUATION, strategies)
    draw = random.Random(0)  # noqa: S311 - no secret
    rows: list[dict[str, Any]] = [{"rows": round(50 * 1_000 ** draw.random())} for _ in range(2_000)]
    mixed = [
        {scale.fact: value}
        for _ in range(20)
        for scale in SCALES.values()
        for value in scale.question.plausible
        if what_if.matters([scale.fact])
    ]
    draw.shuffle(mixed)

    def whole(change: dict[str, Any]) -> object:
        return weigh(SITUATION.model_copy(update=change), strategies)

    same = sum(what_if.weigh(change) == whole(change) for change in (*rows, *mixed))
    started = time.process_time()
    found = flips(SITUATION, strategies)
    of_flips = time.process_time() - started
    rate, rate_mixed = _rate(what_if.weigh, rows, repeats), _rate(what_if.weigh, mixed, repeats)
    return [
        Claim("rules", str(len(RULES)), "reported", None),
        Claim("evaluations a second, rows varied", round(rate), f"at least {GOAL:,}", rate >= GOAL),
        Claim("evaluations a second, any fact varied", round(rate_mixed), f"at least {GOAL:,}", rate_mixed >= GOAL),
        Claim("evaluations a second, every rule asked anew", round(_rate(whole, rows, repeats)), "reported", None),
        Claim(
            "share of them that equal the whole engine's",
            same / (len(rows) + len(mixed)),
            "1",
            same == len(rows) + len(mixed),
        ),
        Claim(f"seconds to find {len(found)} flips and the cheapest pair", round(of_flips, 4), "reported", None),
    ]


if __name__ == "__main__":
    main("whatif", measure)
