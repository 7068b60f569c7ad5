"""Pages for the terminal. Text from rows and models is shown as it is, never read as markup."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from advisor.doctor import Examination
    from advisor.engine import Advice, StrategyAdvice
    from advisor.session import ProbeResult
    from advisor.training import Trained
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
"""Id of the rule that every strategy starts from: told once, below the table."""
STRATEGIES_SHOWN = 8
SENTENCES_SHOWN = 6


def advice_page(advice: Advice, everything: bool = False) -> RenderableType:
    """Return the page of one model's advice.

    Parameters
    ----------
    advice : Advice
    everything : bool
        Whether to show every strategy, reason and flip, rather than the first of them.
    """
    rows = "training rows not known" if advice.train_rows is None else f"{advice.train_rows:,} training rows"
    table = Table(
        title=Text(f"Advice before measuring: {advice.model or 'no model given'}, {rows}", style="bold"),
        title_justify="left",
    )
    table.add_column("strategy", no_wrap=True)
    table.add_column("p (low–high)", justify="right", no_wrap=True)
    table.add_column("reasons: nats, and the rule's source", ratio=1)
    alive = [entry for entry in advice.advice if not entry.blocked]
    blocked = [entry for entry in advice.advice if entry.blocked]
    shown = alive if everything else alive[:STRATEGIES_SHOWN]
    for entry in [*shown, *(blocked if everything else ())]:
        chance = "blocked" if entry.blocked else f"{entry.probability:.0%} ({entry.low:.0%}–{entry.high:.0%})"
        style = "dim" if entry.blocked else ""
        table.add_row(Text(entry.strategy, style=style), Text(chance, style=style), _reasons(entry))
    parts: list[RenderableType] = [table]
    prior = next((r for e in advice.advice for r in e.reasons if r.rule == PRIOR_RULE), None)
    if prior is not None:
        parts.append(Text(f"prior: {prior.title} [{prior.source}]", style="dim"))
    if rest := alive[len(shown) :]:
        parts.append(Text("Further down: " + ", ".join(f"{e.strategy} {e.probability:.0%}" for e in rest), style="dim"))
    if blocked and not everything:
        parts.append(Text("Ruled out:"))
        for because, names in _together(blocked).items():
            parts.append(Text(f"• {', '.join(names)}: {because}"))
    parts += _bullets(advice.notes)
    parts += _section("What you don't know, and what it costs:", [u.sentence for u in advice.unknowns], everything)
    parts += _section("What would change the first place:", [flip.sentence for flip in advice.flips], everything)
    return Group(*parts, Text())


def _reasons(entry: StrategyAdvice) -> Text:
    """Write the reasons of a strategy, one a line; of a blocked one the blocks alone."""
    text = Text()
    for reason in entry.reasons:
        if entry.blocked and reason.effect != "block":
            continue
        if reason.rule == PRIOR_RULE:
            text.append(f"{reason.effect:+.1f}".rjust(7) + "  prior\n", style="dim")
            continue
        effect = "blocked" if reason.effect == "block" else "note" if reason.effect == 0 else f"{reason.effect:+.1f}"
        text.append(f"{effect:>7}  {reason.because} ")
        origin = "" if reason.origin == "advisor" else f"; rule of {reason.origin}"
        text.append(f"[{reason.source}{origin}]\n", style="dim")
    text.rstrip()
    return text


def _together(blocked: list[StrategyAdvice]) -> dict[str, list[str]]:
    """Return the blocked strategies by the sentence that rules them out."""
    found: dict[str, list[str]] = {}
    for entry in blocked:
        reason = entry.reasons[0]
        origin = "" if reason.origin == "advisor" else f"; rule of {reason.origin}"
        found.setdefault(f"{reason.because} [{reason.source}{origin}]", []).append(entry.strategy)
    return found


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
    for verdict in result.verdicts:
        own = [m for m in result.measurements if (m.strategy, m.model) == (verdict.strategy, verdict.model)]
        # A folder's own name tells it from the others; the JSON document has the whole path.
        model = None if verdict.model is None else PurePath(verdict.model).name
        name = verdict.strategy if model is None else f"{verdict.strategy} · {model}"
        because = Text.assemble((f"{name}: ", "bold"), verdict.because)
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
    pages: list[RenderableType] = [*_bullets(result.notes), table, *reasons, Text(), _recommendation(result)]
    if result.recommendation is not None:
        pages.append(_unbroken(f"Training config: advisor emit {result.run} --out config.yaml"))
    pages.append(_unbroken(f"{result.seconds:.0f} s in all; everything is kept in {result.run}", "dim"))
    return Group(*pages)


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
