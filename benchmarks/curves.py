"""Predictions from learning curves: how far off they are, and whether their intervals hold what they promise.

    python -m benchmarks.curves [--quick] [--json]
    python -m benchmarks.curves --calibrate

On 90 published losses of fine-tuning and on the accuracies of `benchmarks/curves/recorded.csv`. A prediction knows the
first three or more sizes of a curve and is asked for the score at two, four, eight and sixteen times the last one it
knows; of an accuracy it may also know one, two or three sizes anywhere on the curve.

Whatever is learned from other curves is learned without those it is tested on: each data set in turn is held out with
all its curves, and for the losses each family of models too. What is exchangeable is thus the data set or the family, a
draw from those that were recorded; sizes and seeds of one curve are not, and never stand on both sides. `--calibrate`
writes what all curves teach to `probes/curve_calibration.json`; `--quick` does the same as no flag and keeps nothing.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from advisor.beliefs import TUNED, TUNES
from benchmarks.common import Claim, main
from benchmarks.curve_data import FAR, REACHES, Reach, Recorded
from benchmarks.curve_details import details
from benchmarks.curve_fit import TEST_NOISE
from benchmarks.curve_misses import (
    LARGE,
    NAMES,
    Miss,
    Widths,
    accuracy_curves,
    by_dataset,
    fitted,
    folds,
    halves,
    held,
    held_out,
    inside,
    left_open_at_most,
    losses,
    mean_share,
    of_factor,
    quantiles,
    rival_errors,
    split,
)
from benchmarks.curve_passing import errors_of_expected, regrets, shares, tuned_over_frozen
from benchmarks.curve_rivals import RIVALS
from benchmarks.curve_rows import FEW, share, typical_noise
from probes.curve_prior import MECHANISMS, Mechanism, Prior
from probes.extrapolation import Kind
from probes.files import write_text
from probes.learning_curve import CALIBRATION, COMPANIES, Company

LEVELS = (0.5, 0.8, 0.9, 0.95)
LARGEST = (128, 256, 512, 1024)
"""Rows of a largest probe: from each to below the next."""
DRAWN = 2_000
"""How many times data sets are drawn to tell how sure a median is."""


def measure(quick: bool) -> list[Claim]:
    """Measure the claims; a quick run draws no halves and fits nothing anew."""
    return [*_losses(losses()), *_accuracies(), *_passing(), _halves(quick), *([] if quick else _few_rows())]


def _few_rows() -> list[Claim]:
    """Report on predictions where test rows are few."""
    found, where = typical_noise(), "accuracies, 80 % intervals hold %, one data set held out at a time: TF-IDF,"
    name = "accuracies, noise in multiples of the standard error that test rows alone give: TF-IDF"
    return [
        Claim(name, found, f"{TEST_NOISE:g} ± .05, as reckoned with", abs(found - TEST_NOISE) <= 0.05),
        *(_in_band(f"{where} {rows} test rows", share(rows)) for rows in FEW),
        *(
            Claim(f"{where} {rows} test rows, {name}", share(rows, known), "reported", None)
            for rows in FEW
            for known, name in NAMES.items()
        ),
    ]


def _losses(made: Sequence[Miss]) -> list[Claim]:
    far, unseen = _far(made), _far([m for m in made if not m.curve.looked_at])
    shares = {
        "data set": _pooled(held(made, lambda curve: curve.dataset, 0.9)),
        "model family": _pooled(held(made, lambda curve: curve.model, 0.9)),
    }
    seen = quantiles([m for m in made if m.curve.looked_at], 0.9)
    fresh = _percent(inside([m for m in made if not m.curve.looked_at], seen))
    where = "90 losses, 8×, median relative error in %"
    return [
        _at_most(where, far, 2.5),
        _at_most(f"{where}: models not looked at", unseen, 2.5),
        *_rivals(tuple(dict.fromkeys(m.curve for m in made)), where),
        *(
            Claim(f"losses, 90 % intervals hold %, one {name} held out at a time", share, "≥ 87", share >= 87)
            for name, share in shares.items()
        ),
        Claim(
            "losses, 90 % intervals hold %, calibrated on the models looked at, tested on the others",
            fresh, "≥ 87", fresh >= 87,
        ),
    ]  # fmt: skip


def _accuracies() -> list[Claim]:
    curves = accuracy_curves()
    made = [m for fold in folds() for m in fold.own]
    many = [m for m in made if m.whole]
    means = of_factor((m for fold in folds() for m in fold.means if m.whole), FAR)
    of_seeds = f"means of {' or '.join(str(n) for n in sorted({m.curve.seeds for m in means}))} seeds"
    fixed = split(frozenset(curve.dataset for curve in curves if curve.looked_at))
    where, share = "recorded accuracies, 8×, median absolute error in points", "accuracies, 80 % intervals hold %"
    return [
        _at_least("data sets with recorded curves", len({c.dataset for c in curves}), 10),
        Claim(f"{where}: two seeds at one size, for comparison", _between_seeds(curves), "reported", None),
        _at_most(where, _far(many), 1),
        _at_most(f"{where}: data sets not looked at", _far([m for m in many if not m.curve.looked_at]), 1),
        _at_most(
            f"{where}: learned from the data sets looked at, tested on the others",
            _far(m for m in fixed[0] if m.whole),
            1,
        ),
        _at_most(f"{where}: {of_seeds}, {len(means)} predictions", _far(means), 1),
        _at_most(
            f"{where}: {of_seeds}, largest probe of {LARGE} rows or more",
            _far(m for m in means if m.largest >= LARGE),
            1,
        ),
        Claim(f"{where}: {of_seeds}, data sets drawn anew, 80 % of draws", _drawn(means), "reported", None),
        *(_at_most(f"{where}: largest probe of {name}", _far(own), 1) for name, own in _by_largest(many)),
        *_rivals(curves, where),
        *(_rival_beyond(curves, where, rival) for rival in ("last value", "power law")),
        _in_band(f"{share}, one data set held out at a time", mean_share(held_out(made))),
        *(
            _in_band(
                f"{share}, one data set held out at a time: {name}",
                mean_share(held_out([m for m in made if m.known == known])),
            )
            for known, name in NAMES.items()
        ),
        *_tuned([m for m in made if m.curve.mechanism == "tuning"], where, share),
        *(claim for reach in REACHES for claim in _together(reach, where, share)),
        _in_band(
            f"{share}, learned from the data sets looked at, tested on the others", mean_share(by_dataset(*fixed))
        ),
    ]


def _together(reach: Reach, where: str, share: str) -> list[Claim]:
    """Report on predictions that know other candidates on the same data, as far as the largest probe or the target."""
    made = [m for fold in folds(reach) for m in fold.own]
    others = f"others measured at {'the target' if reach == 'ahead' else 'the largest probe'}"
    tuned = held_out([m for m in made if m.curve.mechanism == "tuning"], reach=reach)
    return [
        Claim(f"{where}: {others}", _far(m for m in made if m.whole), "reported", None),
        Claim(f"{where}: {others}, one size known", _far(m for m in made if m.known == 1), "reported", None),
        _in_band(f"{share}, one data set held out at a time: {others}", mean_share(held_out(made, reach=reach))),
        *(
            _in_band(
                f"{share}, one data set held out at a time: {others}, {name}",
                mean_share(held_out([m for m in made if m.known == known], reach=reach)),
            )
            for known, name in NAMES.items()
        ),
        Claim(f"{share}, one data set held out at a time: {others}, tuned", mean_share(tuned), "reported", None),
    ]


def _tuned(made: Sequence[Miss], where: str, share: str) -> list[Claim]:
    """Report on tuned candidates alone: their curves are few, and eight times mostly starts at one or two sizes."""
    sets = f"tuned, {len({m.curve.dataset for m in made})} data sets"
    held_share = mean_share(held_out(made))
    return [
        Claim(f"{where}: {sets}", _far(made), "reported", None),
        Claim(f"{share}, one data set held out at a time: {sets}", held_share, "reported", None),
    ]


def _halves(quick: bool) -> Claim:
    name = "accuracies, 80 % intervals hold %, learned from half of the data sets, tested on the others: mean of draws"
    return Claim(name, None, "75 to 85", None) if quick else _in_band(name, round(float(np.mean(halves())), 1))


def _passing() -> list[Claim]:
    """Report what curves do for verdicts and recommendations where a candidate learned from fewer rows."""
    passed, missed, cleared = shares()
    _, _, alone = shares(None)
    by_scores, by_curves = regrets()
    told = [(mechanism, *errors_of_expected(mechanism)) for mechanism in MECHANISMS]
    below, apart = tuned_over_frozen()
    where = "rivals that do not lead on a half or a quarter of the rows"
    return [
        Claim(f"{where}: lie more than a point ahead with as many, %", passed, "reported", None),
        _at_most(f"{where}: of those, said to be unable to, %", missed, 5),
        Claim(
            f"{where}: of the others, said to be unable to, %",
            cleared,
            f"above {alone}, by their own curves alone",
            cleared > alone,
        ),
        Claim(
            "a heavier candidate on a half or a quarter of the rows: regret in points, chosen by expected scores",
            by_curves,
            f"below {by_scores}, that of scores as measured",
            by_curves < by_scores,
        ),
        Claim(
            "tuning over frozen features on as many rows: nats that the error falls, mean",
            below,
            f"{TUNED} ± .02, as reckoned with",
            abs(below - TUNED) <= 0.02,
        ),
        Claim(
            "tuning over frozen features on as many rows: nats that the error falls, standard deviation",
            apart,
            f"{TUNES} ± .02, as reckoned with",
            abs(apart - TUNES) <= 0.02,
        ),
        *(
            Claim(
                f"{mechanism} at 2 or 4 times the rows, others measured there: mean absolute error of what is expected",
                followed,
                f"below {typical}, that of its own curve alone",
                followed < typical,
            )
            for mechanism, typical, followed in told
        ),
    ]


def _by_largest(made: Sequence[Miss]) -> list[tuple[str, list[Miss]]]:
    """Group predictions by the rows of their largest probe."""
    edges = [*itertools.pairwise(LARGEST), (LARGEST[-1], None), (LARGE, None)]
    groups = []
    for low, high in edges:
        own = [m for m in made if low <= m.largest < (high or math.inf)]
        if of_factor(own, FAR):
            groups.append((f"{low} rows or more" if high is None else f"{low} to {high - 1} rows", own))
    return groups


def _far(made: Iterable[Miss]) -> float:
    return round(float(np.median([m.error for m in of_factor(made, FAR)])), 2)


def _drawn(made: Sequence[Miss]) -> str:
    """Return between which values the median error lies in 80 % of draws of as many data sets, with replacement."""
    errors: dict[str, list[float]] = defaultdict(list)
    for miss in made:
        errors[miss.curve.dataset].append(miss.error)
    draw, names = np.random.default_rng(0), sorted(errors)
    medians = [np.median([x for name in draw.choice(names, len(names)) for x in errors[name]]) for _ in range(DRAWN)]
    low, high = np.quantile(medians, (0.1, 0.9))
    return f"{low:.2f} to {high:.2f}"


def _percent(found: Sequence[bool]) -> float:
    return round(100 * float(np.mean(found)), 1)


def _pooled(found: dict[str, list[bool]]) -> float:
    return _percent([x for own in found.values() for x in own])


def _at_most(name: str, value: float, goal: float) -> Claim:
    return Claim(name, value, f"≤ {goal:g}", value <= goal)


def _at_least(name: str, value: float, goal: float) -> Claim:
    return Claim(name, value, f"≥ {goal:g}", value >= goal)


def _in_band(name: str, value: float) -> Claim:
    return Claim(name, value, "75 to 85", 75 <= value <= 85)


def _between_seeds(curves: Sequence[Recorded]) -> float | None:
    """Return the median distance between seeds at the same target sizes: what no prediction of one seed can tell."""
    by_task: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for curve in curves:
        for at in {task.target for task in curve.tasks() if task.factor == FAR}:
            by_task[curve.dataset, curve.model, curve.sizes[at]].append(curve.scores[at])
    apart = [100 * abs(a - b) for scores in by_task.values() for a, b in itertools.combinations(scores, 2)]
    return round(float(np.median(apart)), 2) if apart else None


def _rivals(curves: tuple[Recorded, ...], where: str) -> list[Claim]:
    """Report every rival at eight times the largest probe."""
    return [
        Claim(f"{where}: {name}", round(float(np.median(rival_errors(curves, name))), 2), "reported", None)
        for name in RIVALS
    ]


def _rival_beyond(curves: tuple[Recorded, ...], where: str, rival: str) -> Claim:
    """Report a rival at eight times a largest probe that is not small."""
    errors = rival_errors(curves, rival, LARGE)
    name = f"{where}: {rival}, largest probe of {LARGE} rows or more"
    return Claim(name, round(float(np.median(errors)), 2), "reported", None)


def calibrated(kind: Kind) -> dict[str, Any]:
    """Return the widths that are shipped for one kind of score: by known sizes, level and factor."""
    return _table({level: widths.by_task for level, widths in _widths(kind).items()})


def by_mechanism() -> dict[str, Any]:
    """Return the widths that are shipped for accuracies of each mechanism by company."""
    return {
        mechanism: {company: _table(_stretched(mechanism, company)) for company in COMPANIES}
        for mechanism in MECHANISMS
    }


def _stretched(mechanism: Mechanism, company: Company) -> dict[float, dict[tuple[int, int], float]]:
    """Return the widths of a mechanism by level; a higher level is never narrower."""
    least: dict[tuple[int, int], float] = {}
    found = {}
    for level, widths in _widths("accuracy", company).items():
        stretch = widths.stretch[mechanism]
        least = {task: max(width * stretch, least.get(task, 0.0)) for task, width in widths.by_task.items()}
        found[level] = least
    return found


@functools.cache
def _widths(kind: Kind, company: Company = "alone") -> dict[float, Widths]:
    made = losses() if kind == "loss" else _all(company)[1]
    return {level: quantiles(made, level) for level in LEVELS}


def _table(widths: Mapping[float, Mapping[tuple[int, int], float]]) -> dict[str, Any]:
    """Return widths by known sizes, level and factor, as JSON has them."""
    return {
        str(known): {
            str(level): {str(factor): round(width, 4) for (k, factor), width in own.items() if k == known}
            for level, own in widths.items()
        }
        for known in sorted({k for own in widths.values() for k, _ in own})
    }


def _all(company: Company = "alone") -> tuple[Prior, tuple[Miss, ...]]:
    """Return what all recorded accuracies teach."""
    return fitted(frozenset(curve.dataset for curve in accuracy_curves()), company)


def shipped() -> dict[str, Any]:
    """Return the document of `probes/curve_calibration.json`."""
    return {
        "accuracy": calibrated("accuracy"),
        "by_mechanism": by_mechanism(),
        "loss": calibrated("loss"),
        "left_open": math.ceil(1e4 * left_open_at_most()) / 1e4,
        "prior": _all()[0].model_dump(mode="json"),
    }


def run() -> None:
    """Measure, or with `--calibrate` write what the curves teach."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--calibrate", action="store_true")
    flags, _ = parser.parse_known_args()
    if flags.calibrate:
        write_text(CALIBRATION, json.dumps(shipped(), indent=2) + "\n")
    else:
        main("curves", measure, details)


if __name__ == "__main__":
    run()
