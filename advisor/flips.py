"""What would flip the advice, found by asking the engine again about changed facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from advisor.engine import Advice, Flip, advise
from advisor.facts import Facts
from probes.profile import Profile

FACTORS = (1.5, 2, 3, 5, 7, 10, 20, 30, 50, 100)
"""How many times more, or fewer, rows are tried."""

_SETTINGS: tuple[tuple[str, dict[str, object]], ...] = (
    ("If compute were plenty", {"compute": "plenty"}),
    ("If compute were limited", {"compute": "limited"}),
    ("If the texts in use were to differ from your rows", {"expects_shift": True}),
    ("If the texts in use were like your rows", {"expects_shift": False}),
    ("If the domain were unrelated to the model's pretraining", {"domain_related": False}),
    ("If the domain were related to the model's pretraining", {"domain_related": True}),
    ("If right answers needed new or changing facts", {"facts_change": True}),
    ("If facts did not change", {"facts_change": False}),
    ("If the model had to keep its general ability", {"retention_required": True}),
    ("If the model need not keep its general ability", {"retention_required": False}),
    ("If a strong prompted LLM scored .9", {"prompted_score": 0.9}),
    ("If a strong prompted LLM scored .6", {"prompted_score": 0.6}),
    ("If 100,000 requests came each day", {"requests_per_day": 100_000}),
    ("If you trained on a GPU with 80 GB", {"gpu_memory_gb": 80.0}),
)


def with_flips(facts: Facts, advice: Advice) -> Advice:
    """Return the advice with what would flip it."""
    names = [entry.strategy for entry in advice.advice]
    return advice.model_copy(update={"flips": flips(facts, names)})


def flips(facts: Facts, strategies: Sequence[str]) -> tuple[Flip, ...]:
    """Find single changes that would put another strategy first.

    Parameters
    ----------
    facts : Facts
        The facts as they are.
    strategies : sequence of str
        The strategies to rank.

    Returns
    -------
    tuple of Flip
        First the nearest change of volume upwards and downwards, then changed settings of the brief; each by itself.
    """
    first = _first(facts, strategies)
    if first is None:
        return ()
    found = [_volume_flip(facts, strategies, first, up) for up in (True, False)]
    for change, update in _SETTINGS:
        if _same(facts, update):
            continue
        winner = _first(facts.model_copy(update={"brief": facts.brief.model_copy(update=update)}), strategies)
        if winner not in (None, first):
            found.append(_flip(change, str(winner)))
    return tuple(flip for flip in found if flip is not None)


def _same(facts: Facts, update: dict[str, object]) -> bool:
    """Whether a change of settings changes nothing."""
    return all(getattr(facts.brief, key) == value for key, value in update.items())


def _flip(change: str, strategy: str) -> Flip:
    return Flip(change=change, strategy=strategy, sentence=f"{change}, {strategy} would come first.")


def _first(facts: Facts, strategies: Sequence[str]) -> str | None:
    entry = advise(facts, strategies).first
    return None if entry is None else entry.strategy


def _volume_flip(facts: Facts, strategies: Sequence[str], first: str, up: bool) -> Flip | None:
    """Find the nearest number of training rows, up or down, at which another strategy comes first."""
    rows = facts.train_rows

    def winner(target: int) -> str | None:
        return _first(with_train_rows(facts, target), strategies)

    inside = rows
    for factor in FACTORS:
        outside = round(rows * factor) if up else int(rows / factor)
        if outside < facts.classes or outside == rows:
            continue
        if winner(outside) not in (None, first):
            edge = _edge(inside, outside, lambda target: winner(target) == first)
            return _flip(f"With {edge:,} training rows ({_compared(edge, rows)}, same classes)", str(winner(edge)))
        inside = outside
    return None


def _compared(target: int, rows: int) -> str:
    """Say how a number of rows compares with the user's.

    Examples
    --------
    >>> _compared(2_500, 1_000), _compared(99, 5_000), _compared(10_000, 10_003)
    ('2.5 × your 1,000', 'your 5,000 ÷ 51', '3 fewer than your 10,003')
    """
    if max(target, rows) < 1.1 * min(target, rows):
        return f"{abs(target - rows):,} {'more' if target > rows else 'fewer'} than your {rows:,}"
    return f"{target / rows:.2g} × your {rows:,}" if target > rows else f"your {rows:,} ÷ {rows / target:.2g}"


def _edge(inside: int, outside: int, holds: Callable[[int], bool]) -> int:
    """Return the first number beyond `inside`, towards `outside`, at which `holds` fails."""
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return outside


def with_train_rows(facts: Facts, rows: int) -> Facts:
    """Return the facts as they would be with another number of training rows of the same make-up.

    Parameters
    ----------
    facts : Facts
        The facts as they are.
    rows : int
        Training rows wanted; every count of the profile is scaled with them.
    """
    factor = rows / facts.train_rows if facts.train_rows else 1.0
    profile = facts.profile

    def scaled(number: int) -> int:
        return round(number * factor)

    per_class = {name: scaled(number) for name, number in profile.per_class.items()}
    changed: Profile = profile.model_copy(
        update={
            "rows": scaled(profile.rows),
            "per_class": per_class,
            # As in a file that gives all three splits, so that nothing more is taken off the training rows.
            "splits": {"train": rows, "validation": 1, "test": 1},
            "duplicates": profile.duplicates.model_copy(
                update={name: scaled(getattr(profile.duplicates, name)) for name in ("exact", "normalised")}
            ),
            "label_conflicts": scaled(profile.label_conflicts),
            "truncated": None if profile.truncated is None else scaled(profile.truncated),
        }
    )
    return facts.model_copy(update={"profile": changed})
