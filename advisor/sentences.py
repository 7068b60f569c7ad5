"""Events of the ladder in a sentence each: what a log keeps, and what is said where no table can be shown."""

from __future__ import annotations

import math
import unicodedata

from advisor.events import Dropped, Event, Failed, Measured, Planned, Progressed, Said, Started, Tried
from probes.measurement import Metric
from probes.statistics import wilson


def sentence(event: Event) -> str:
    """Return an event as one line of text.

    What comes from models, rows and libraries is in it as it is, but for characters that are no text, such as the end
    of a line or what moves a terminal's cursor: they are written as escapes.

    Parameters
    ----------
    event : Event

    Returns
    -------
    str

    Examples
    --------
    >>> from strategies import Candidate
    >>> lora = Candidate(strategy="lora", model="minilm")
    >>> sentence(Started(candidate=lora, rows=1_000, seed=0, why="rung 1 of 3", seconds=40.0))
    'lora on minilm, 1,000 rows, seed 0: begun, rung 1 of 3, about 40 s'
    >>> sentence(Dropped(candidate=lora, reason="it lies behind"))
    'lora on minilm was dropped: it lies behind'
    """
    return one_line(_told(event))


def _told(event: Event) -> str:
    match event:
        case Said():
            return event.sentence
        case Planned():
            sizes = ", ".join(f"{size:,}" for size in event.sizes)
            time = "no limit of time" if math.isinf(event.remaining) else f"{event.remaining:,.0f} s left"
            at_once = f", {event.workers} at once" if event.workers > 1 else ""
            seeds = f", {event.seeds} seed{'' if event.seeds == 1 else 's'} at the most" if event.seeds else ""
            who = f"{len(event.candidates)} candidate{'' if len(event.candidates) == 1 else 's'}"
            return f"{who} on {sizes} training rows{seeds}, {time}{at_once}"
        case Started():
            again = f", again after a worker was lost ({event.again})" if event.again else ""
            return f"{_which(event)}: begun, {event.why}, about {event.seconds:,.0f} s{again}"
        case Progressed():
            return f"{event.candidate}: {event.what}, {event.done:,} of {event.total:,}"
        case Tried():
            trial = event.trial
            return (
                f"{event.candidate}, {trial.train_rows:,} rows, seed {event.seed}: tried {trial.setting}: "
                f"{score(trial.validation_score)} on validation rows, {trial.seconds:,.0f} s"
            )
        case Measured():
            return _measured(event)
        case Dropped():
            return f"{event.candidate} was dropped: {event.reason}"
        case Failed():
            how = "no time" if event.out_of_time else "failed"
            return f"{_which(event)}: {how}: {event.reason}"


def _which(event: Started | Failed) -> str:
    return f"{event.candidate}, {event.rows:,} rows, seed {event.seed}"


def _measured(event: Measured) -> str:
    found = event.measurement
    who = found.strategy if found.model is None else f"{found.strategy} on {found.model}"
    half = half_width(event.validation_score, len(found.validation_predictions), found.metric)
    interval = "" if half is None else f" ± {score(half)}"
    fair = "" if found.converged else ", not converged"
    earlier = ", from an earlier part of this run" if event.found else ""
    return (
        f"{who}, {found.train_rows:,} rows, seed {found.seed}: {score(event.validation_score)}{interval} on validation "
        f"rows, {found.seconds:,.0f} s{fair}{earlier}"
    )


def score(share: float, digits: int = 3) -> str:
    """Write a score between 0 and 1 without the zero before its point.

    Examples
    --------
    >>> score(0.8734), score(0.0214, 2), score(1.0)
    ('.873', '.02', '1.000')
    """
    return f"{share:.{digits}f}".removeprefix("0")


def half_width(share: float, rows: int, metric: Metric) -> float | None:
    """Return half the width of a score's 95 % interval, by the chance of the rows alone.

    Parameters
    ----------
    share : float
        Score on the validation rows, between 0 and 1; over several seeds their mean, which the rows' chance moves as
        much as one of them.
    rows : int
        Validation rows; 0 where the run folder did not keep what was predicted for them.
    metric : {'accuracy', 'macro_f1'}

    Returns
    -------
    float or None
        On the scale of the score, from Wilson's interval (1927). None where the rows are not known, and for macro-F1:
        it is no share of rows, and its interval takes the predictions of each.

    Examples
    --------
    >>> round(half_width(0.8, 100, "accuracy"), 3)
    0.078
    """
    if not rows or metric != "accuracy":
        return None
    low, high = wilson(share, rows)
    return (high - low) / 2


def one_line(text: str) -> str:
    r"""Return a text with what is no printable character written as an escape.

    Examples
    --------
    >>> one_line("two\nlines, a \x1b[2J and a café")
    'two\\nlines, a \\x1b[2J and a café'
    """
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else c.encode("unicode_escape").decode("ascii")
        for c in text
    )
