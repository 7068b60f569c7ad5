"""How often verdicts are wrong where the truth is known: simulated candidates through the real path to a verdict.

python -m benchmarks.verdict_errors [--quick] [--json]

Right and wrong answers are drawn with errors that candidates share (a common difficulty of each row), that the seeds of
one candidate share, and that each run has alone; each seed moves its candidate's true accuracy. Real measurements with
a prediction for each test row go through `advisor.judging.judge`. A candidate exactly at the edge of the tolerance can
be wrongly CONFIRMED and wrongly REFUTED: both count. The bootstrap of macro-F1 draws as often as for users.

Where nothing is CONFIRMED, the recommendation is an undecided candidate: how far its true accuracy lies below the best
is held against recommending the lightest that is not ruled out, with the heavier candidates the better ones and the
other way round.

Who goes on with more seeds until a verdict is no longer UNDECIDED looks more than once: how often that ends in a wrong
verdict is reported beside the first look alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from advisor.decide import recommend
from advisor.judging import judge
from benchmarks.common import Claim, main
from probes.columns import Columns
from probes.data import Rows, TaskData
from probes.measurement import Measurement, Metric, Trial
from probes.recipe import BagOfWords, Tuning
from strategies import STRATEGIES, Candidate, Outcome, Verdict

TOLERANCE, BEST, GOAL = 0.01, 0.85, 0.05
BY_NAME = {s.name: s for s in STRATEGIES}
TRIAL = Trial(
    setting="learning_rate=2e-05",
    train_rows=100,
    validation_score=BEST,
    validation_loss=0.4,
    converged=True,
    seconds=1.0,
)


@dataclass(frozen=True)
class Scenario:
    """A world whose truth is known."""

    behind: tuple[float, ...]
    """True accuracy of each candidate below the best, in tolerances: 1 is the edge."""
    rows: int
    seeds: int
    classes: int = 2
    seed_sd: float = 0.0
    """Standard deviation of the true accuracy between seeds."""
    shared: float = 0.6
    """Correlation of latent errors between candidates."""
    fixed: tuple[int, ...] = ()
    """Places of candidates whose result no seed changes."""
    metric: Metric = "accuracy"
    promised: bool = True
    """Whether the error rates are promised here; where not, they are reported all the same."""


def scenarios() -> list[Scenario]:
    """Return the worlds of the study."""
    spreads = (0.0, 0.005, 0.01, 0.015)
    worlds = []
    for place, rows in enumerate((100, 300, 1_000, 3_000)):
        for turn, seeds in enumerate((1, 3, 5)):
            classes, sd = (2, 5, 20)[(place + turn) % 3], spreads[(place + turn) % 4]
            other = (0, 2, 6)[turn]
            worlds += [
                Scenario((0, 1), rows, seeds, classes, seed_sd=0.015),
                Scenario((0, other), rows, seeds, classes, seed_sd=sd),
                Scenario((0, 1, 1, 6), rows, seeds, classes, seed_sd=sd, fixed=(1,)),
            ]
        seeds = (1, 3, 5, 3)[place]
        worlds += [
            Scenario((0, 1), rows, 1, fixed=(0, 1)),
            Scenario((0, 1), rows, 1, shared=0.97, fixed=(0, 1)),
            Scenario((0, 0, 0.5, 1, 1, 2, 6), rows, seeds, 5, seed_sd=0.01, fixed=(1, 3)),
            Scenario((0, 0, 0, 0, 0, 0, 1), rows, 1, 2, fixed=tuple(range(7))),
        ]
    worlds += [Scenario((0, 1), rows, 1, classes, fixed=(0, 1), metric="macro_f1") for rows, classes in MACRO]
    worlds += [Scenario((0, 1), 3_000, seeds, seed_sd=0.03) for seeds in (3, 5)]
    worlds += [Scenario((0, 1), 3_000, seeds, seed_sd=sd) for seeds in (1, 2) for sd in (0.02, 0.025)]
    worlds += [Scenario((0, 1), 3_000, 1, seed_sd=0.025, fixed=(place,)) for place in (0, 1)]
    worlds += [Scenario((0, 1), 3_000, 1, seed_sd=sd, promised=False) for sd in (0.03, 0.04)]
    return worlds


MACRO = ((100, 20), (300, 5), (1_000, 2))


def _data(labels: list[int], classes: int) -> TaskData:
    def part(of: list[int]) -> Rows:
        return Rows(texts=("",) * len(of), pairs=None, labels=tuple(of), numbers=tuple(range(len(of))))

    return TaskData(
        source="simulated",
        fingerprint="0",
        columns=Columns(text="text", text_pair=None, label="label", split=None),
        classes=tuple(f"{c:02}" for c in range(classes)),
        train=part([0, 1] * 50),
        validation=part([0, 1]),
        test=part(labels),
        split_origin="simulated",
        split_seed=0,
    )


def _run(candidate: Candidate, metric: Metric) -> Measurement:
    fixed = candidate.model is None
    return Measurement(
        strategy=candidate.strategy,
        model=candidate.model,
        recipe=BagOfWords() if fixed else Tuning(pooling="mean", max_length=16, learning_rate=2e-5),
        train_rows=100,
        seed=0,
        metric=metric,
        score=BEST,
        validation_score=BEST,
        predictions=(),
        trials=(TRIAL,),
        seconds=2.0,
        peak_bytes=1,
        tokens=0,
    )


def _hits(world: Scenario, rng: np.random.Generator) -> list[list[np.ndarray[Any, np.dtype[np.bool_]]]]:
    """Draw which rows each run has right; a candidate no seed changes has one run."""
    rows, own = world.rows, min(0.2, 1 - world.shared)
    common = math.sqrt(world.shared) * rng.standard_normal(rows, np.float32)
    hits = []
    for place, behind in enumerate(world.behind):
        fixed = place in world.fixed
        mine = common + math.sqrt(1 - world.shared if fixed else own) * rng.standard_normal(rows, np.float32)
        runs = []
        for _ in range(1 if fixed else world.seeds):
            truth = BEST - behind * TOLERANCE + (0 if fixed else world.seed_sd * rng.standard_normal())
            alone = 0 if fixed else math.sqrt(1 - world.shared - own) * rng.standard_normal(rows, np.float32)
            runs.append(mine + alone < ndtri(min(truth, 1 - 1e-6)))
        hits.append(runs)
    return hits


class Court:
    """Draws the measurements of a world and has them judged.

    Parameters
    ----------
    world : Scenario
    seed : int
    """

    def __init__(self, world: Scenario, seed: int) -> None:
        self._world = world
        self._rng = np.random.default_rng(seed)
        self._labels = np.arange(world.rows) % world.classes
        self._data = _data(self._labels.tolist(), world.classes)
        self._candidates = [
            Candidate(strategy="full", model=f"model-{place}")
            if place not in world.fixed
            else Candidate(strategy="baseline", model=None if place == world.fixed[0] else f"model-{place}")
            for place in range(len(world.behind))
        ]
        self._runs = [_run(candidate, world.metric) for candidate in self._candidates]

    def draw(self) -> list[Measurement]:
        """Measure every candidate with every seed."""
        world, labels = self._world, self._labels
        measurements = []
        for run, hits in zip(self._runs, _hits(world, self._rng), strict=True):
            for number, hit in enumerate(hits):
                wrong = (labels + self._rng.integers(1, world.classes, world.rows)) % world.classes
                predictions = tuple(np.where(hit, labels, wrong).tolist())
                measurements.append(run.model_copy(update={"predictions": predictions, "seed": number}))
        return measurements

    def judge(self, measurements: list[Measurement]) -> list[Verdict]:
        """Return the verdict of each candidate."""
        return judge(
            BY_NAME,
            self._candidates,
            measurements,
            self._data,
            blocked={},
            failures={},
            metric=self._world.metric,
            tolerance=TOLERANCE,
            target=None,
            rows=100,
        )


def study(world: Scenario, repetitions: int, seed: int) -> dict[str, Any]:
    """Judge a world again and again; return how often verdicts were wrong, for the worst candidate and for any."""
    court = Court(world, seed)
    behind = np.array(world.behind)
    confirmed = np.zeros((repetitions, len(behind)), bool)
    refuted = confirmed.copy()
    regrets: dict[str, list[tuple[float, float]]] = {order: [] for order in ORDERS}
    for repetition in range(repetitions):
        measurements = court.draw()
        verdicts = court.judge(measurements)
        confirmed[repetition] = [v.verdict is Outcome.CONFIRMED for v in verdicts]
        refuted[repetition] = [v.verdict is Outcome.REFUTED for v in verdicts]
        if not confirmed[repetition].any():
            for order, step in ORDERS.items():
                regrets[order].append(_regrets(verdicts[::step], measurements, world, behind[::step]))
    wrong_confirmed, wrong_refuted = confirmed & (behind >= 1), refuted & (behind <= 1)
    undecided = ~confirmed & ~refuted
    return {
        **asdict(world),
        "repetitions": repetitions,
        "false_confirmed": float(wrong_confirmed.mean(axis=0).max()),
        "false_refuted": float(wrong_refuted.mean(axis=0).max()),
        "any_false_confirmed": float(wrong_confirmed.any(axis=1).mean()),
        "any_false_refuted": float(wrong_refuted.any(axis=1).mean()),
        "confirmed": [round(float(x), 4) for x in confirmed.mean(axis=0)],
        "refuted": [round(float(x), 4) for x in refuted.mean(axis=0)],
        "undecided": [round(float(x), 4) for x in undecided.mean(axis=0)],
        "unconfirmed": len(regrets["heavier is better"]),
        "regret": {order: [round(float(x), 3) for x in np.mean(own, axis=0)] for order, own in regrets.items() if own},
    }


def looks(world: Scenario, repetitions: int, seed: int) -> dict[str, Any]:
    """Judge after 3 seeds and again after more, until the one at the edge is no longer UNDECIDED.

    Returns
    -------
    dict
        How often it was wrongly CONFIRMED and wrongly REFUTED at the first look, and by the last.
    """
    court = Court(world, seed)
    ends: dict[Outcome, list[int]] = {Outcome.CONFIRMED: [], Outcome.REFUTED: []}
    for _ in range(repetitions):
        measurements = court.draw()
        for turn, seeds in enumerate(LOOKS):
            verdict = court.judge([m for m in measurements if m.seed < seeds])[1].verdict
            if verdict in ends:
                ends[verdict].append(turn)
                break
    return {
        **asdict(world),
        "repetitions": repetitions,
        "looks": LOOKS,
        **{
            f"false_{kind.value.lower()}": {
                "first look": round(turns.count(0) / repetitions, 4),
                "all looks": round(len(turns) / repetitions, 4),
            }
            for kind, turns in ends.items()
        },
    }


def _regrets(
    verdicts: list[Verdict], measurements: list[Measurement], world: Scenario, behind: np.ndarray[Any, Any]
) -> tuple[float, float]:
    """Return the points by which the recommended one lies below the best, and the lightest one not ruled out."""
    choice = recommend(verdicts, measurements, TOLERANCE, world.metric)
    chosen = choice and (choice.strategy, choice.model)
    ours = next(i for i, v in enumerate(verdicts) if (v.strategy, v.model) == chosen)
    lightest = next(i for i, v in enumerate(verdicts) if v.verdict is Outcome.UNDECIDED)
    return 100 * TOLERANCE * float(behind[ours]), 100 * TOLERANCE * float(behind[lightest])


FOUND: dict[str, Any] = {}
ORDERS = {"heavier is better": -1, "lighter is better": 1}
"""How to go through a world's candidates, the best of which is its first, from the lightest to the heaviest."""
LOOKS = (3, 5, 8, 12)
"""Seeds after which somebody looks who goes on until a verdict is no longer UNDECIDED."""
KINDS = ("false_confirmed", "false_refuted", "any_false_confirmed", "any_false_refuted")


def _error(rate: float, repetitions: int) -> float:
    return math.sqrt(max(rate, 1 / repetitions) * (1 - rate) / repetitions)


def _told(world: dict[str, Any]) -> str:
    fixed = len(world["fixed"])
    return (
        f"{len(world['behind'])} candidates ({fixed} without chance), {world['rows']:,} rows, {world['seeds']} seeds, "
        f"sd {world['seed_sd']:g} between them, correlation {world['shared']:g}, {world['metric']}"
    )


def measure(quick: bool) -> list[Claim]:
    """Measure the claims."""
    repetitions = 100 if quick else 2_000
    worlds = scenarios()[:: 4 if quick else 1]
    results = [study(world, repetitions, seed) for seed, world in enumerate(worlds)]
    claims = [Claim("worlds", str(len(worlds)), f"{repetitions:,} repetitions each", None)]
    promised = [(w, r) for w, r in zip(worlds, results, strict=True) if w.promised]
    again = []
    for kind in KINDS:
        # The worst of many is also the unluckiest: judged by repetitions that did not choose it.
        world, first = max(promised, key=lambda pair: pair[1][kind])
        rerun = study(world, 2 * repetitions, 10_000)
        again.append({"kind": kind, **rerun})
        rate, error = rerun[kind], _error(rerun[kind], 2 * repetitions)
        goal = f"at most {GOAL} + 2 standard errors of {error:.4f}; {first[kind]:.4f} when chosen; {_told(first)}"
        claims.append(Claim(f"{kind.replace('_', ' ')}, worst world", rate, goal, rate <= GOAL + 2 * error))
    for kind in KINDS[:2]:
        mean = float(np.mean([r[kind] for _, r in promised]))
        claims.append(
            Claim(f"{kind.replace('_', ' ')}, mean of the worst candidate over worlds", mean, "reported", None)
        )
    for low, high, name in ((0, 0, "the best"), (1, 1, "at the edge"), (2, 2, "a tolerance beyond"), (6, 6, "far")):
        shares = [u for w, r in promised for b, u in zip(w.behind, r["undecided"], strict=True) if low <= b <= high]
        if shares:
            claims.append(Claim(f"UNDECIDED, {name}", float(np.mean(shares)), "reported", None))
    claims += _recommended(results)
    for world, result in zip(worlds, results, strict=True):
        if not world.promised:
            rate = max(result[kind] for kind in KINDS[:2])
            name = f"errors of one seed where seeds differ by sd {world.seed_sd:g}"
            claims.append(Claim(name, rate, "reported: more than one seed can know", None))
    looked = [
        looks(Scenario((0, 1), rows, LOOKS[-1], seed_sd=sd), repetitions // 2, seed)
        for seed, (rows, sd) in enumerate(((300, 0.01), (3_000, 0.005), (3_000, 0.015)))
    ]
    for kind in KINDS[:2]:
        first, last = (max(found[kind][when] for found in looked) for when in ("first look", "all looks"))
        name = f"{kind.replace('_', ' ')} at the edge, worst of {len(looked)} worlds: after {LOOKS[0]} seeds"
        claims.append(Claim(name, first, "reported", None))
        name = f"the same where {', '.join(map(str, LOOKS[1:]))} seeds follow until it is not UNDECIDED"
        claims.append(Claim(name, last, "reported", None))
    FOUND.update(tolerance=TOLERANCE, best=BEST, worlds=results, worst_again=again, looked=looked)
    return claims


def _recommended(results: list[dict[str, Any]]) -> list[Claim]:
    """Say how far below the best, in points, the recommendation lies in the mean of worlds where none is CONFIRMED."""
    claims = []
    for order in ORDERS:
        pairs = [r["regret"][order] for r in results if order in r["regret"]]
        if not pairs:
            continue
        ours, lightest = (round(float(np.mean(side)), 2) for side in zip(*pairs, strict=True))
        claims.append(
            Claim(f"points the recommendation lies below the best, nothing CONFIRMED, {order}", ours, "reported", None)
        )
        claims.append(Claim(f"the same for the lightest not ruled out, {order}", lightest, "reported", None))
    return claims


def details() -> Mapping[str, Any]:
    """Return every world with its rates."""
    return FOUND


if __name__ == "__main__":
    main("verdict_errors", measure, details)
