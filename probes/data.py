"""Task data: the user's rows, normalised, with fixed train / validation / test splits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from probes.base import Frozen
from probes.cleaning import Census, CleanRow, Intake
from probes.columns import Columns
from probes.duplicates import normalised_key
from probes.errors import DataError
from probes.reading import content_digest
from probes.splitting import TEST_SHARE, VALIDATION_SHARE, SplitPlan, make_splits

__all__ = ["Columns", "Rows", "TaskData", "content_digest", "load_task"]


class Rows(Frozen):
    """Some rows of the task, column by column; all tuples have the same length."""

    texts: tuple[str, ...]
    """The texts."""
    pairs: tuple[str, ...] | None = None
    """The second texts of pair tasks; None otherwise."""
    labels: tuple[int, ...]
    """Indices into `TaskData.classes`."""
    numbers: tuple[int, ...]
    """1-based number of each row in the user's file, for messages and audit."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: list[int]) -> Rows:
        """Return the rows at these positions, in this order."""
        return Rows(
            texts=tuple(self.texts[i] for i in indices),
            pairs=None if self.pairs is None else tuple(self.pairs[i] for i in indices),
            labels=tuple(self.labels[i] for i in indices),
            numbers=tuple(self.numbers[i] for i in indices),
        )


class TaskData(Frozen):
    """The user's rows with fixed splits; the test split is never trained on and never used to choose anything."""

    source: str
    """The file, folder or hub id the rows came from."""
    fingerprint: str
    """Hex digest over texts, labels and splits: the same rows split the same way have the same fingerprint."""
    columns: Columns
    classes: tuple[str, ...]
    """Class names, sorted."""
    train: Rows
    validation: Rows
    test: Rows
    split_origin: str
    """How the splits came about, one sentence for the user."""
    split_seed: int
    """Seed of whatever part of the split we made ourselves."""
    unlabelled: int = 0
    """Rows without a label, kept aside."""
    notes: tuple[str, ...] = ()
    """What was noticed on the way in and the user should hear (rows dropped, splits made, …)."""


def load_task(
    source: str,
    *,
    text_column: str | None = None,
    text_pair_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    split_seed: int = 0,
    test_share: float = TEST_SHARE,
    validation_share: float = VALIDATION_SHARE,
    skip_bad_rows: bool = False,
    drop_rare_classes: bool = False,
) -> TaskData:
    """Read a classification task and fix its splits.

    Parameters
    ----------
    source : str
        A file, a folder saved by `datasets`, or a hub id: see `probes.reading.read_rows`.
    text_column, text_pair_column, label_column, split_column : str, optional
        Columns; found by convention where not given. A split column ``none`` passes over the one convention would take.
    split_seed : int
        Decides which rows are drawn, for whatever split the file doesn't give.
    test_share, validation_share : float
        Shares of the rows drawn for test and validation.
    skip_bad_rows : bool
        Leave out rows that can't be used, and say how many, instead of stopping at the first.
    drop_rare_classes : bool
        Leave out classes with one row, or with none to train on, instead of stopping.

    Returns
    -------
    TaskData

    Raises
    ------
    DataError
        Where the rows can't be read or can't be split; the message names file, row and remedy.
    """
    if test_share <= 0 or validation_share <= 0 or test_share + validation_share >= 1:
        raise ValueError("test_share and validation_share must be above 0 and together below 1")
    intake = Intake(
        source,
        text_column=text_column,
        text_pair_column=text_pair_column,
        label_column=label_column,
        split_column=split_column,
        skip_bad_rows=skip_bad_rows,
    )
    rows = list(intake)
    census = intake.census(drop_rare_classes=drop_rare_classes)
    notes = list(census.notes)
    rows = [row for row in rows if row.label not in census.dropped]

    def split(rows: Sequence[CleanRow], classes: Sequence[str]) -> SplitPlan:
        index = {name: number for number, name in enumerate(classes)}
        keys = [normalised_key(row.text, row.pair) for row in rows]
        given = None if census.splits is None else [census.splits[row.split] for row in rows]
        shares = {"test_share": test_share, "validation_share": validation_share}
        return make_splits(keys, [index[row.label] for row in rows], given, seed=split_seed, **shares)

    return _assemble(source, intake, census, rows, split, split_seed, drop_rare_classes, notes)


def _assemble(
    source: str,
    intake: Intake,
    census: Census,
    rows: list[CleanRow],
    split: Callable[[Sequence[CleanRow], Sequence[str]], SplitPlan],
    seed: int,
    drop_rare_classes: bool,
    notes: list[str],
) -> TaskData:
    """Split the rows, leave out classes that lost their training rows if allowed, and put the document together."""
    classes = census.classes
    plan = split(rows, classes)
    while plan.lost:
        names = [classes[i] for i in plan.lost]
        if not drop_rare_classes or len(classes) - len(names) < 2:
            raise _only_in_test(source, names)
        notes.append(f"Classes whose training rows all stand in the test too were left out: {', '.join(names)}.")
        rows = [row for row in rows if row.label not in names]
        classes = tuple(name for name in classes if name not in names)
        plan = split(rows, classes)
    if not (plan.train and plan.validation and plan.test):
        raise DataError(
            f"{source} has too few rows to split: {len(rows)} labelled rows in {len(classes)} classes.",
            "Give each class at least three different texts, and dozens to measure anything.",
        )
    parts = {
        name: _rows([rows[i] for i in getattr(plan, name)], classes, intake.columns)
        for name in ("train", "validation", "test")
    }
    return TaskData(
        source=source,
        fingerprint=_fingerprint(classes, parts),
        columns=intake.columns.model_copy(update={} if census.splits else {"split": None}),
        classes=classes,
        **parts,
        split_origin=plan.origin,
        split_seed=seed,
        unlabelled=intake.unlabelled,
        notes=(*notes, *plan.notes, *_untested(classes, parts["test"])),
    )


def _only_in_test(source: str, names: list[str]) -> DataError:
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return DataError(
        f"{source}: every training row of {shown} has a text that stands in the test or validation split too.",
        "Add training rows of it with other texts, have new splits drawn with --split-column none, or "
        "leave such classes out with --drop-rare-classes.",
    )


def _rows(rows: Sequence[CleanRow], classes: Sequence[str], columns: Columns) -> Rows:
    index = {name: number for number, name in enumerate(classes)}
    return Rows(
        texts=tuple(row.text for row in rows),
        pairs=None if columns.text_pair is None else tuple(row.pair or "" for row in rows),
        labels=tuple(index[row.label] for row in rows),
        numbers=tuple(row.number for row in rows),
    )


def _untested(classes: Sequence[str], test: Rows) -> list[str]:
    """Say which classes the test can't speak about."""
    missing = [name for number, name in enumerate(classes) if number not in set(test.labels)]
    if not missing:
        return []
    shown = ", ".join(map(repr, missing[:5])) + ("…" if len(missing) > 5 else "")
    return [f"{len(missing)} of {len(classes)} classes have no row in the test split and go unmeasured: {shown}."]


def _fingerprint(classes: Sequence[str], parts: dict[str, Rows]) -> str:
    """Digest all that a measurement on these splits depends on."""
    digest = hashlib.sha256()

    def add(text: str) -> None:
        raw = text.encode()
        digest.update(f"{len(raw)}:".encode() + raw)  # the length keeps "ab" + "c" apart from "a" + "bc"

    for name in classes:
        add(name)
    for split, rows in parts.items():
        add(f"{split} {len(rows)} {rows.pairs is not None}")
        for i, text in enumerate(rows.texts):
            add(text)
            add(rows.pairs[i] if rows.pairs else "")
            add(str(rows.labels[i]))
    return digest.hexdigest()
