"""Pages for the terminal. Text from rows and models is shown as it is, never read as markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from advisor.report.curves import curves_page
from advisor.report.names import short_name
from strategies import Candidate

if TYPE_CHECKING:
    from advisor.advice import Advice, Reason
    from advisor.doctor import Examination
    from advisor.session import ProbeResult
    from advisor.training import Trained
    from probes.measurement import Measurement
    from probes.profile import Profile
    from probes.statistics import Interval

COLOURS = {
    "CONFIRMED": "green",
    "REFUTED": "red",
    "UNDECIDED": "yellow",
    "NOT_APPLICABLE": "dim",
    "NOT_MEASURED": "dim",
    "ok": "green",
    "missing": "red",
    "note": "yellow",
}

CLASSES_SHOWN = 12


def _pairs(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(
        title=Text(title, style="bold"), title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0)
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _bullets(sentences: tuple[str, ...] | list[str]) -> list[RenderableType]:
    return [Text(f"• {sentence}") for sentence in sentences]


def _unbroken(text: str, style: str = "") -> Text:
    """Return a line that stays one whatever the width: what is to be copied, such as a command with a path."""
    return Text(text, style=style, no_wrap=True, overflow="ignore")


def profile_page(profile: Profile) -> RenderableType:
    """Return the page of a profile."""
    shown = list(profile.per_class.items())
    listed = ", ".join(f"{name} {count:,}" for name, count in shown[:CLASSES_SHOWN])
    if len(shown) > CLASSES_SHOWN:
        rarest, count = shown[-1]
        listed += f", … {len(shown) - CLASSES_SHOWN} more; rarest: {rarest} {count:,}"
    rows = [
        (
            "rows",
            f"{profile.rows:,} labelled" + (f", {profile.unlabelled:,} without a label" if profile.unlabelled else ""),
        ),
        ("splits", ", ".join(f"{k} {v:,}" for k, v in profile.splits.items()) or "none given"),
        ("classes", f"{profile.classes}, largest {profile.imbalance:.1f} × smallest"),
        ("", listed),
        (
            "characters",
            f"median {profile.characters.p50:,}, 95 % {profile.characters.p95:,}, longest {profile.characters.max:,}",
        ),
    ]
    if profile.tokens is not None:
        tokens = profile.tokens
        rows.append(
            ("tokens", f"median {tokens.p50:,}, 95 % {tokens.p95:,}, longest {tokens.max:,} ({profile.tokenizer})")
        )
    if profile.truncated is not None:
        rows.append(("truncated", f"{profile.truncated:,} rows longer than {profile.context:,} tokens"))
    rows += [
        ("duplicates", f"{profile.duplicates.exact:,} exact, {profile.duplicates.normalised:,} after normalising"),
        ("leaks", f"{profile.leaks.test_rows_in_train:,} test rows also in train"),
        ("conflicts", f"{profile.label_conflicts:,} texts with more than one label"),
        (
            "language",
            f"{profile.language} ({profile.language_share:.0%} of rows), {profile.non_latin:.0%} non-Latin letters",
        ),
    ]
    return Group(_pairs(f"Profile of {profile.source}", rows), *_bullets(profile.notes), Text())


PRIOR_RULE = "lightest-first"
"""Id of the rule that every strategy starts from."""
STRATEGIES_SHOWN = 8
SENTENCES_SHOWN = 6


def advice_page(advice: Advice, everything: bool = False) -> RenderableType:
    """Return the page of one model's advice: the ranking, then every reason once, with its source.

    Parameters
    ----------
    advice : Advice
    everything : bool
        Whether to show every strategy, unknown and flip, rather than the first of them.
    """
    rows = "training rows not known" if advice.train_rows is None else f"{advice.train_rows:,} training rows"
    table = Table(
        title=Text(f"Advice before measuring: {advice.model or 'no model given'}, {rows}", style="bold"),
        title_justify="left",
    )
    table.add_column("strategy", no_wrap=True)
    table.add_column("p (low–high)", justify="right", no_wrap=True)
    table.add_column("reasons, in nats", ratio=1)
    alive = [entry for entry in advice.advice if not entry.blocked]
    blocked = [entry for entry in advice.advice if entry.blocked]
    shown = alive if everything else alive[:STRATEGIES_SHOWN]
    told = Footnotes()
    for entry in shown:
        chance = f"{entry.probability:.0%} ({entry.low:.0%}–{entry.high:.0%})"
        table.add_row(Text(entry.strategy), Text(chance), Text(_effects(entry.reasons, told)))
    parts: list[RenderableType] = [table]
    if rest := alive[len(shown) :]:
        parts.append(Text("Further down: " + ", ".join(f"{e.strategy} {e.probability:.0%}" for e in rest), style="dim"))
    if blocked:
        ruled_out = (f"{e.strategy} {_effects([r for r in e.reasons if r.effect == 'block'], told)}" for e in blocked)
        parts.append(Text("Ruled out: " + ", ".join(ruled_out)))
    parts += told.lines()
    parts += _bullets(advice.notes)
    parts += _section("What you don't know, and what it costs:", [u.sentence for u in advice.unknowns], everything)
    parts += _section("What would change the first place:", [flip.sentence for flip in advice.flips], everything)
    return Group(*parts, Text())


class Footnotes:
    """Reasons by number, each told once."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._lines: list[RenderableType] = []

    def number(self, reason: Reason) -> int:
        """Return the number of a reason, a new one if nobody gave it yet."""
        key = (reason.rule, reason.because)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers) + 1
            origin = "" if reason.origin == "advisor" else f"; rule of {reason.origin}"
            line = Text.assemble(f"[{self._numbers[key]}] {reason.because} ", (f"[{reason.source}{origin}]", "dim"))
            self._lines.append(line)
        return self._numbers[key]

    def lines(self) -> list[RenderableType]:
        """Return the reasons in the order of their numbers."""
        return self._lines


def _effects(reasons: Sequence[Reason], told: Footnotes) -> str:
    """Write the effects of the reasons of one strategy, with the numbers under which they are told."""
    words = []
    for reason in reasons:
        if reason.rule == PRIOR_RULE:
            words.append(f"{reason.effect:+.1f} prior")
        elif reason.effect == "block":
            words.append(f"[{told.number(reason)}]")
        elif reason.effect:
            nats = f"{reason.effect:+.1f}" if abs(reason.effect) >= 0.05 else f"{reason.effect:+.2f}"
            words.append(f"{nats} [{told.number(reason)}]")
    notes = [f"[{told.number(reason)}]" for reason in reasons if reason.effect == 0]
    return "  ".join([*words, *([f"how: {' '.join(notes)}"] if notes else [])])


def _section(heading: str, sentences: list[str], everything: bool) -> list[RenderableType]:
    """Return sentences below a heading, the first of them unless everything is wanted."""
    if not sentences:
        return []
    shown = sentences if everything else sentences[:SENTENCES_SHOWN]
    more = [f"… {len(sentences) - len(shown)} more with --all"] if len(shown) < len(sentences) else []
    return [Text(heading, style="bold"), *_bullets([*shown, *more])]


def _interval(score: Interval | None) -> str:
    return "" if score is None else f"{score.mean:.3f} [{score.low:.3f}, {score.high:.3f}]"


def result_page(result: ProbeResult) -> RenderableType:
    """Return the page of a probe."""
    table = Table(title="Verdicts", title_justify="left", title_style="bold")
    table.add_column("candidate", overflow="fold")
    for column in ("score", "seconds", "peak MiB", "verdict"):
        table.add_column(column, no_wrap=True, justify="right" if column in {"seconds", "peak MiB"} else "left")
    reasons: list[RenderableType] = []
    models = {verdict.model for verdict in result.verdicts}
    for verdict in result.verdicts:
        own = [m for m in result.measurements if (m.strategy, m.model) == (verdict.strategy, verdict.model)]
        name = short_name(Candidate(strategy=verdict.strategy, model=verdict.model), models)
        because = Text.assemble((f"{name}: ", "bold"), verdict.because)
        if tokens := _tokens(own):
            because.append(tokens, style="dim")
        if verdict.settle:
            because.append(f" To settle it: {verdict.settle}", style="dim")
        reasons.append(because)
        table.add_row(
            Text(name),
            Text(_interval(verdict.score)),
            Text(f"{sum(m.seconds for m in own):.0f}" if own else ""),
            Text(f"{max(m.peak_bytes for m in own) / 2**20:,.0f}" if own else ""),
            Text(verdict.verdict.value, style=COLOURS[verdict.verdict]),
        )
    pages: list[RenderableType] = [
        *_bullets(result.notes),
        table,
        *reasons,
        Text(),
        *curves_page(result),
        _recommendation(result),
    ]
    if result.recommendation is not None:
        pages.append(_unbroken(f"Training config: advisor emit {result.run} --out config.yaml"))
    pages.append(_unbroken(f"{result.seconds:.0f} s in all; everything is kept in {result.run}", "dim"))
    return Group(*pages)


def _tokens(own: Sequence[Measurement]) -> str:
    """Say how many tokens a candidate read to learn, in the largest of its runs: what its chance cost."""
    most = max((m.tokens for m in own), default=0)
    return f" It read {most:,} tokens while learning." if most else ""


def _recommendation(result: ProbeResult) -> RenderableType:
    choice = result.recommendation
    if choice is None:
        return Panel(Text("Nothing to recommend: what was measured is refuted or far behind."), title="Recommendation")
    name = choice.strategy if choice.model is None else f"{choice.strategy} on {choice.model}"
    text = Text()
    text.append(f"{name}  ", style="bold")
    text.append(choice.verdict.value, style=COLOURS[choice.verdict])
    text.append(f"\n{choice.because}\n{choice.transfer}")
    if choice.settle:
        text.append(f"\nTo settle it: {choice.settle}")
    return Panel(text, title="Recommendation", title_align="left")


def trained_page(trained: Trained) -> RenderableType:
    """Return the page of a finished training."""
    rows = [
        ("folder", trained.folder),
        ("test rows", f"{trained.metric} {trained.test_score:.4f} on {trained.test_rows:,}"),
        ("accuracy", f"{trained.accuracy:.4f} [{trained.test_low:.4f}, {trained.test_high:.4f}]"),
        (
            "trained on",
            f"{trained.train_rows:,} rows in {trained.seconds:.0f} s, peak {trained.peak_bytes / 2**20:,.0f} MiB",
        ),
        ("loads as", trained.loads_as),
    ]
    if not trained.converged:
        rows.insert(1, ("not converged", trained.why_not))
    return Group(
        _pairs("Trained", rows), *_bullets(trained.notes), _unbroken(f"Next: advisor predict {trained.folder} ROWS")
    )


def doctor_page(found: Examination) -> RenderableType:
    """Return the page of an examination."""
    page = Table(title="This machine", title_justify="left", title_style="bold")
    for column in ("what", "status", "found", "to mend it"):
        page.add_column(column, overflow="fold")
    for check in found.checks:
        page.add_row(
            Text(check.what), Text(check.status, style=COLOURS[check.status]), Text(check.found), Text(check.remedy)
        )
    return Group(page, Text("The main job can run." if found.ready else "The main job cannot run yet."))
