"""What the benchmark of curves keeps beside its claims: errors and shares held by factor, known sizes and data set."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.curve_data import FACTORS, FAR, REACHES, Reach, Recorded
from benchmarks.curve_falls import FROM, falls
from benchmarks.curve_misses import (
    LARGE,
    NAMES,
    Fold,
    Miss,
    accuracy_curves,
    folds,
    held,
    held_out,
    losses,
    mean_share,
    of_factor,
    quantiles,
    rival_errors,
)
from benchmarks.curve_rivals import RIVALS


def details() -> dict[str, Any]:
    """Return errors and shares held by factor, by known sizes and by data set."""
    made = [m for fold in folds() for m in fold.own]
    large = [m for m in made if m.largest >= LARGE]
    width = _of_folds(folds())
    known = {name: [m for m in made if m.known == sizes] for sizes, name in NAMES.items()}
    curves = {
        "loss": tuple(dict.fromkeys(m.curve for m in losses())),
        "accuracy": accuracy_curves(),
    }
    return {
        "p90_error_of_rivals_at_8": {
            kind: {rival: round(float(np.quantile(rival_errors(own, rival), 0.9)), 2) for rival in RIVALS}
            for kind, own in curves.items()
        },
        "loss": {
            "curves": len(curves["loss"]),
            "by_factor": _by_factor(losses(), quantiles(losses(), 0.9).of),
            "held_by_dataset_0.9": _shares(held(losses(), lambda curve: curve.dataset, 0.9)),
            "held_by_model_0.9": _shares(held(losses(), lambda curve: curve.model, 0.9)),
        },
        "accuracy": {
            "curves": _count(accuracy_curves()),
            f"fall_per_tripling, from {FROM} rows": falls(accuracy_curves()),
            "by_known_sizes": {name: _by_factor(own, width) for name, own in known.items()},
            f"by_known_sizes, largest probe of {LARGE} rows or more": {
                name: _by_factor([m for m in own if m.largest >= LARGE], width) for name, own in known.items()
            },
            **{f"by_known_sizes, others measured {reach}": _together(reach) for reach in REACHES},
            "error_at_8_by_dataset": _median_errors(m for m in of_factor(made, FAR) if m.whole),
            "held_by_dataset_0.8": _shares(held_out(made)),
            "held_by_factor_0.8": {str(factor): mean_share(held_out(of_factor(made, factor))) for factor in FACTORS},
            f"held_0.8, largest probe of {LARGE} rows or more": mean_share(held_out(large)),
        },
    }


def _of_folds(folds: Iterable[Fold]) -> Callable[[Miss], float | None]:
    """Return what gives the width of an 80 % interval that does not know the prediction's data set."""
    widths = {fold.dataset: fold.widths(0.8) for fold in folds}
    return lambda miss: widths[miss.curve.dataset].half(miss)


def _together(reach: Reach) -> dict[str, Any]:
    """Return errors and half widths by known sizes and factor with others on the same data, and the same without."""
    alone = {(m.curve, m.task): m for fold in folds() for m in fold.own}
    made = [m for fold in folds(reach) for m in fold.own]
    return {
        name: {
            "together": _by_factor(own, _of_folds(folds(reach))),
            "alone": _by_factor([alone[m.curve, m.task] for m in own], _of_folds(folds())),
        }
        for sizes, name in NAMES.items()
        for own in [[m for m in made if m.known == sizes]]
    }


def _count(curves: Sequence[Recorded]) -> dict[str, int]:
    """Count curves by strategy."""
    return {name: sum(c.model == name for c in curves) for name in sorted({c.model for c in curves})}


def _median_errors(made: Iterable[Miss]) -> dict[str, float]:
    by_dataset: dict[str, list[float]] = defaultdict(list)
    for miss in made:
        by_dataset[miss.curve.dataset].append(miss.error)
    return {name: round(float(np.median(errors)), 2) for name, errors in sorted(by_dataset.items())}


def _by_factor(made: Sequence[Miss], width_of: Callable[[Miss], float | None]) -> dict[str, dict[str, float]]:
    return {
        str(factor): {
            "predictions": len(own),
            "median_error": round(float(np.median([m.error for m in own])), 2),
            "p90_error": round(float(np.quantile([m.error for m in own], 0.9)), 2),
            "median_half_width": round(
                float(np.median([_half_width(m, width) for m in own if (width := width_of(m)) is not None])), 2
            ),
        }
        for factor in FACTORS
        if (own := of_factor(made, factor))
    }


def _shares(found: dict[str, list[bool]]) -> dict[str, float]:
    return {name: round(float(np.mean(own)), 3) for name, own in sorted(found.items()) if own}


def _half_width(miss: Miss, half: float) -> float:
    """Return half the interval's width: a share of the prediction, or points of accuracy."""
    low, high = (math.exp(miss.centre + sign * half) for sign in (-1, 1))
    return 50 * (high - low) / math.exp(miss.centre) if miss.curve.kind == "loss" else 50 * (min(high, 1.0) - low)
