"""Splits: which rows are trained on, which choose, and which are kept back for the test.

Rows with the same text after normalisation form a group, and a group never stands on two sides. Within a class, groups
are ordered by a digest of seed and text, so that the split depends on the seed and the rows, and not on their order in
the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from probes.columns import SplitName

TEST_SHARE = 0.2
"""Share of all rows drawn for the test where the file gives no splits."""
VALIDATION_SHARE = 0.1
"""Share of all rows drawn for validation where the file gives no splits; else of the training rows it gives."""


@dataclass(slots=True)
class SplitPlan:
    """The positions of the rows of each split, in the order of the file, and how they came about."""

    train: list[int]
    validation: list[int]
    test: list[int]
    origin: str
    """One sentence for the user."""
    notes: list[str] = field(default_factory=list)
    lost: tuple[int, ...] = ()
    """Classes that have no training row left after the rows that stand in the test were taken out."""


def make_splits(
    keys: Sequence[int],
    labels: Sequence[int],
    given: Sequence[SplitName] | None = None,
    *,
    seed: int = 0,
    test_share: float = TEST_SHARE,
    validation_share: float = VALIDATION_SHARE,
) -> SplitPlan:
    """Split rows into train, validation and test.

    A test split that is given stays as it is; training and validation rows whose text stands in it are taken out, and
    so are training rows whose text stands in validation. What isn't given is drawn from the training rows, stratified,
    groups whole: every class keeps a training row, and has a test row where it has two different texts.

    Parameters
    ----------
    keys : sequence of int
        Digest of each row's normalised text.
    labels : sequence of int
        Class of each row.
    given : sequence of str, optional
        Split of each row, where the file has splits; some row must be in ``train``.
    seed : int
        Decides which rows are drawn.
    test_share, validation_share : float
        Shares of all rows where nothing is given; `validation_share` of the training rows where train and test are.

    Examples
    --------
    >>> plan = make_splits(range(20), [0, 1] * 10)
    >>> len(plan.train), len(plan.validation), len(plan.test)
    (14, 2, 4)
    >>> make_splits(range(20), [0, 1] * 10) == plan
    True
    """
    if given is None:
        return _draw_all(keys, labels, seed, test_share, validation_share)
    parts: dict[SplitName, list[int]] = {"train": [], "validation": [], "test": []}
    for position, split in enumerate(given):
        parts[split].append(position)
    if parts["test"] and parts["validation"]:
        origin = "Train, validation and test as the file gives them."
    elif parts["test"]:
        origin = "Train and test as the file gives them; validation drawn from train."
    else:
        parts["test"], parts["validation"] = parts["validation"], []
        origin = (
            "The file gives train and validation: its validation rows serve as the test, and a new validation split is "
        )
        origin += "drawn from train."
    return _keep_given(keys, labels, parts, origin, seed, validation_share)


def expected_train_rows(per_class: Mapping[str, int], given: Mapping[str, int]) -> int:
    """Return how many training rows `make_splits` leaves, from counts alone: repeated texts may shift it by a few.

    Parameters
    ----------
    per_class : mapping of str to int
        Labelled rows of each class.
    given : mapping of str to int
        Rows of each split the file gives: train, validation, test; empty if it gives none.

    Examples
    --------
    >>> expected_train_rows({"a": 500, "b": 500}, {})
    700
    >>> expected_train_rows({"a": 500, "b": 500}, {"train": 800, "test": 200})
    720
    >>> expected_train_rows({"a": 500, "b": 500}, {"train": 700, "validation": 100, "test": 200})
    700
    """
    if train := given.get("train", 0):
        if given.get("validation") and given.get("test"):
            return train
        # Validation rows without test rows serve as the test; either way validation is drawn from train.
        return train - max(1, round(train * VALIDATION_SHARE))
    sizes = dict(enumerate(per_class.values()))
    rows = sum(sizes.values())
    if not rows:
        return 0
    test = sum(min(max(1, quota), max(0, sizes[c] - 1)) for c, quota in _quotas(sizes, TEST_SHARE, seed=0).items())
    return rows - test - max(1, round(min(0.5 * (rows - test), VALIDATION_SHARE * rows)))


def _draw_all(
    keys: Sequence[int], labels: Sequence[int], seed: int, test_share: float, validation_share: float
) -> SplitPlan:
    test, rest = draw(range(len(keys)), keys, labels, test_share, seed, each_class=True)
    # The share is of all rows, and the test may have taken more than its own to serve every class.
    validation, train = draw(rest, keys, labels, min(0.5, validation_share * len(keys) / len(rest)), seed)
    origin = (
        f"The file gives no splits: drawn at random with seed {seed}, stratified by class, equal texts on one side "
        f"({test_share:.0%} test, {validation_share:.0%} validation)."
    )
    return SplitPlan(train, validation, test, origin)


def _keep_given(
    keys: Sequence[int],
    labels: Sequence[int],
    parts: dict[SplitName, list[int]],
    origin: str,
    seed: int,
    validation_share: float,
) -> SplitPlan:
    """Take leaks out of train and validation, and draw a validation split if there is none (left)."""
    train, validation, test = parts["train"], parts["validation"], parts["test"]
    notes: list[str] = []

    def without(rows: list[int], others: list[int], name: str, other: str) -> list[int]:
        barred = {keys[row] for row in others}
        kept = [row for row in rows if keys[row] not in barred]
        if len(kept) < len(rows):
            gone = len(rows) - len(kept)
            notes.append(
                f"{gone} of {len(rows)} {name} rows were taken out: their text (normalised) stands in {other} too."
            )
        return kept

    taught = {labels[row] for row in train}
    train = without(train, test, "train", "the test split")
    validation = without(validation, test, "validation", "the test split")
    train = without(train, validation, "train", "validation")
    lost = tuple(sorted(taught - {labels[row] for row in train}))
    if not validation and train:
        if parts["validation"]:
            origin = (
                "Train and test as the file gives them; no validation row was left, so validation is drawn from train."
            )
        validation, train = draw(train, keys, labels, validation_share, seed)
    return SplitPlan(train, validation, test, origin, notes, lost)


def draw(
    rows: Sequence[int],
    keys: Sequence[int],
    labels: Sequence[int],
    share: float,
    seed: int,
    *,
    each_class: bool = False,
) -> tuple[list[int], list[int]]:
    """Draw a share of rows, stratified, groups whole, leaving every class behind at least once.

    Parameters
    ----------
    rows : sequence of int
        Positions to draw from.
    keys, labels : sequence of int
        Group and class of every position.
    share : float
        Share of `rows` to draw.
    seed : int
        Decides which.
    each_class : bool
        Draw at least one group of each class that has two.

    Returns
    -------
    tuple of two lists
        The rows drawn and the rows left, each in the order of `rows`.
    """
    by_class = _groups_by_class(rows, keys, labels, seed)
    quotas = _quotas({label: sum(map(len, groups)) for label, groups in by_class.items()}, share, seed)
    drawn: list[list[int]] = []
    for label, groups in by_class.items():
        quota = max(1, quotas[label]) if each_class else quotas[label]
        drawn += _fill(groups, quota)
    _give_back(drawn, rows, labels)
    taken = {row for group in drawn for row in group}
    return [row for row in rows if row in taken], [row for row in rows if row not in taken]


def _groups_by_class(
    rows: Sequence[int], keys: Sequence[int], labels: Sequence[int], seed: int
) -> dict[int, list[list[int]]]:
    """Gather rows into groups, and groups under the label most of their rows have, in an order the seed decides."""
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        groups[keys[row]].append(row)
    by_class: defaultdict[int, list[list[int]]] = defaultdict(list)
    for key in sorted(groups, key=lambda key: order(seed, key)):
        counts = Counter(labels[row] for row in groups[key])
        by_class[min(counts, key=lambda label: (-counts[label], label))].append(groups[key])
    return dict(sorted(by_class.items()))


def order(seed: int, key: int) -> bytes:
    """Return what to sort by for an order that only seed and key decide."""
    return hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8).digest()


def _quotas(sizes: dict[int, int], share: float, seed: int) -> dict[int, int]:
    """Part a share of all rows among the classes by largest remainder, at least one row in all."""
    exact = {label: size * share for label, size in sizes.items()}
    quotas = {label: int(wanted) for label, wanted in exact.items()}
    missing = max(1, round(sum(exact.values()))) - sum(quotas.values())
    by_remainder = sorted(exact, key=lambda label: (quotas[label] - exact[label], order(seed, label)))
    for label in by_remainder[: max(0, missing)]:
        quotas[label] += 1
    return quotas


def _fill(groups: list[list[int]], quota: int) -> list[list[int]]:
    """Take groups that fit into the quota, in order; the smallest if none fits; never the last."""
    taken: list[list[int]] = []
    room = quota
    for group in groups:
        if len(taken) == len(groups) - 1:
            break
        if len(group) <= room:
            taken.append(group)
            room -= len(group)
    if quota and not taken and len(groups) > 1:
        taken.append(min(groups, key=len))
    return taken


def _give_back(drawn: list[list[int]], rows: Sequence[int], labels: Sequence[int]) -> None:
    """Put groups back until every class is left behind somewhere: a class may live in other classes' groups only."""
    taken = {row for group in drawn for row in group}
    left = {labels[row] for row in rows if row not in taken}
    for label in sorted({labels[row] for row in rows} - left):
        if label in left:
            continue
        group = min((group for group in drawn if any(labels[row] == label for row in group)), key=len)
        drawn.remove(group)
        left.update(labels[row] for row in group)
