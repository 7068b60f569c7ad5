"""What would settle an undecided verdict, in a sentence: seeds and minutes, test rows and labels, or nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from probes.comparison import Comparison
from probes.measurement import Measurement
from probes.paired import FIRST_SEEDS
from probes.power import MOST_SEEDS, POWER, Gap

SETTLE_ALONE = (
    "A new run with candidates to compare it with (`--strategies`, `--model`), or with the score that is enough "
    "(`--target`)."
)
"""What settles the verdict on one that nothing was measured beside."""

FEW_ROWS = 30
"""Test rows below which what is reckoned from them says so: their variance is off by a quarter or more, √(2 / 29)."""


def settle(
    gap: Gap, own: tuple[Measurement, ...], rival: tuple[Measurement, ...], *, name: str, labelled: int | None
) -> str:
    """Say what would settle an open comparison, the cheapest first: machine time before labels.

    Parameters
    ----------
    gap : Gap
    own, rival : tuple of Measurement
        Runs of both sides, one a seed.
    name : str
        The rival.
    labelled : int or None
        Rows with a label, over all splits; None where it is not known.
    """
    if gap.without_chance.rows_to_settle() is None:
        return (
            f"Neither seeds nor test rows: it lies right at the edge of the tolerance against {name}. Choose by cost, "
            "or another --tolerance."
        )
    seeds, rows = gap.seeds_to_settle(), gap.rows_to_settle()
    if seeds is not None:
        needed = _seeds(gap, seeds, own, rival, name)
        alone = "" if rows is None else f"; or {_rows(gap, rows, labelled)}"
    elif rows is not None:
        needed, alone = _rows(gap, rows, labelled), ""
    elif (both := gap.both_to_settle()) is not None:
        needed, alone = f"{_seeds(gap, both[0], own, rival, name)} and {_rows(gap, both[1], labelled)}", ""
    elif not gap.rival_is_open:
        return (
            f"Neither seeds nor test rows: {name} was dropped and gets no more seeds, and another of them may score "
            "otherwise. Choose by cost, or another --tolerance."
        )
    else:
        rows = gap.without_chance.rows_to_settle()
        few = rows is not None and rows > gap.rows
        more = f" and more than {rows:,} test rows ({_now(gap.rows)})" if few else ""
        needed, alone = f"more than {MOST_SEEDS} seeds{more}", ""
    tail = f"if the difference to {name} is as seen{alone}."
    if gap.assumed and (seeds is None or seeds > FIRST_SEEDS):
        # How far seeds lie apart is assumed so far, and so is all that is reckoned from it.
        return f"First {_seeds(gap, FIRST_SEEDS, own, rival, name)}. As it looks now, then {needed}, {tail}"
    return f"{needed[0].upper()}{needed[1:]}, {tail}"


def settle_target(
    comparison: Comparison, own: tuple[Measurement, ...], *, target: float, test_rows: int, labelled: int | None
) -> str:
    """Say what would settle whether a score reaches the target: seeds, test rows or both (two-sided 95 %, power 80 %).

    Parameters
    ----------
    comparison : Comparison
    own : tuple of Measurement
        Its runs, one a seed.
    target : float
    test_rows : int
    labelled : int or None
        Rows with a label, over all splits; None where it is not known.
    """
    score = comparison.score.mean
    gap = Gap(
        distance=score - target,
        level=0.025,
        power=POWER,
        rows=test_rows,
        row_variance=max(comparison.row_variance, target * (1 - target)),
        seed_variances=(comparison.seed_variance, 0.0),
        seeds=(len(own), 1),
    )
    if gap.without_chance.rows_to_settle() is None:
        return f"Neither seeds nor test rows: the score lies right at the target of {target:.3f}. Set another target."
    return settle(gap, own, (), name=f"the target of {target:.3f}", labelled=labelled)


def settle_rows(
    short: Sequence[tuple[str, tuple[Measurement, ...]]], rows: int, missing: Sequence[tuple[str, float | None]] = ()
) -> str:
    """Say that those who learned from fewer rows need so many, that others need measuring, and what that takes.

    Parameters
    ----------
    short : sequence of (str, tuple of Measurement)
        Each one's name, and its measurements at the rows it had: more take as much longer as there are more.
    rows : int
    missing : sequence of (str, float or None)
        The name of each one that was not measured, and the seconds it takes; None where they are not known.
    """
    parts = []
    if short:
        took = _time(sum(_seconds(runs) * rows / runs[0].train_rows for _, runs in short))
        parts.append(f"lets {listed([name for name, _ in short])} learn from {rows:,} rows (about {took} here)")
    if missing:
        known = [seconds for _, seconds in missing if seconds is not None]
        took = f" (about {_time(sum(known))} here)" if len(known) == len(missing) else ""
        parts.append(f"measures {listed([name for name, _ in missing])}{took}")
    return f"`--resume --run RUN` with a longer --budget {' and '.join(parts)}."


def settle_search(runs: tuple[Measurement, ...], rates: int, rows: int) -> str:
    """Say that a search of so many learning rates on so many rows is missing, and what it takes.

    Parameters
    ----------
    runs : tuple of Measurement
        Those made without one.
    rates, rows : int
    """
    once = _seconds(runs)
    learned = runs[0].train_rows
    took = _time(once * (rates * min(1, rows / learned) + (rows < learned)))
    return f"`--resume --run RUN` with a longer --budget allows the search (about {took} here)."


def settle_longer(runs: tuple[Measurement, ...]) -> str:
    """Say that twice the passes, or another learning rate, may fit what did not converge, and what they take."""
    once = _seconds(runs)
    return (
        "A longer training or another learning rate may fit it: raise `epochs` in its config "
        f"(`{_emit(runs[0])}`; twice as many take about {_time(2 * once)} here). `advisor train` scores it on the same "
        "test rows."
    )


def settle_beyond(runs: tuple[Measurement, ...]) -> str:
    """Say that the search has to go beyond its last learning rate, and what each rate takes."""
    took = _time(_seconds(runs))
    return (
        f"A search beyond it: set `learning_rate` in its config (`{_emit(runs[0])}`; each takes about {took} here). "
        "`advisor train` scores it on the same test rows."
    )


def settle_dropped(runs: Sequence[Measurement], rows: int, *, fair: bool) -> str:
    """Say what would judge a candidate that was dropped and may still win, and what that takes.

    More time would not give it more: it takes fewer rivals.

    Parameters
    ----------
    runs : sequence of Measurement
        Its runs at the most rows it had.
    rows : int
        Training rows a verdict is about.
    fair : bool
        Whether it had a fair chance with one seed, so that more seeds are what it lacks; else it lacks rows.
    """
    once = _seconds(tuple(runs))
    took = _time(once if fair else once * rows / runs[0].train_rows)
    more = (
        f"gives it more seeds (each takes about {took} here)"
        if fair
        else f"lets it learn from all rows (about {took} here)"
    )
    return (
        f"A run without its rivals ({_flags(runs[0], '--strategies')}) {more}; it is then judged by a --target, not "
        "against them."
    )


def _emit(run: Measurement) -> str:
    return f"advisor emit RUN {_flags(run, '--strategy')} --out config.yaml"


def _flags(run: Measurement, strategy: str) -> str:
    """Return the flags that name a candidate."""
    return f"{strategy} {run.strategy}" + (f" --model {shlex.quote(run.model)}" if run.model else "")


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _seeds(gap: Gap, wanted: int, own: tuple[Measurement, ...], rival: tuple[Measurement, ...], name: str) -> str:
    """Say how many seeds in all, and what the missing ones take at the measured speed."""
    sides = zip((own, rival), gap.open_sides, ("it", name), strict=True)
    missing = [(max(0, wanted - len(runs)) * _seconds(runs), side) for runs, more, side in sides if more]
    who = " and ".join(side for seconds, side in missing if seconds)
    took = _time(sum(seconds for seconds, _ in missing))
    return (
        f"{wanted} seeds of {who or 'it'} (`--resume --run RUN --seeds {wanted}`; these alone take about {took} here)"
    )


def _seconds(runs: tuple[Measurement, ...]) -> float:
    """Return the seconds of one further seed, which needs no search."""
    return min((max(m.seconds - m.search_seconds, _longest_trial(m)) for m in runs), default=0.0)


def _longest_trial(run: Measurement) -> float:
    """Return the seconds of the longest trial that was part of a run: the run itself, where it had all the rows."""
    return max((t.seconds for t in run.trials), default=0.0) if run.search_seconds else 0.0


def _time(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:,.0f} min"
        if seconds < 5_400
        else f"{seconds / 3_600:,.1f} h"
    )


def _rows(gap: Gap, rows: int, labelled: int | None) -> str:
    """Say how many test rows, and how many labels that is."""
    rows, now = max(rows, gap.rows + 1), gap.rows
    text = f"about {rows:,} test rows ({_now(now)})"
    if labelled is None or labelled <= now:
        return text
    return f"{text}, {rows - now:,} more labels if all go to the test"


def _now(rows: int) -> str:
    """Say how many test rows there are, and where they are few what that means for a number reckoned from them."""
    return f"now {rows:,}" + (f"; reckoned from {rows:,} rows: little to go by" if rows < FEW_ROWS else "")
