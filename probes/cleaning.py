"""Clean rows: the one way from what a file holds to rows that can be counted and split, with the faults on the way."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from probes.columns import Columns, SplitName, find_columns, resolve_splits
from probes.errors import DataError
from probes.opening import RawRow, place
from probes.reading import read_rows

_SAMPLE_ROWS = 200
_SKIP = "Mend the row, or leave such rows out with --skip-bad-rows."


class CleanRow(NamedTuple):
    """A labelled row with its text."""

    number: int
    """1-based number of the row in the file."""
    text: str
    pair: str | None
    label: str
    split: str
    """What the split column says, as it says it; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Census:
    """What all the rows together say about classes and splits, once every row has been seen."""

    classes: tuple[str, ...]
    """Class names kept, sorted."""
    dropped: frozenset[str]
    """Classes left out because they were too rare to learn and test."""
    splits: Mapping[str, SplitName] | None
    """What each value of the split column stands for; None if the file gives no split."""
    notes: tuple[str, ...]
    """What the user should hear."""


class Intake:
    """One pass over a source: clean rows come out; what was kept aside, and the counts, stay here.

    Parameters
    ----------
    source : str
        As for `probes.reading.read_rows`.
    text_column, text_pair_column, label_column, split_column : str, optional
        The user's choice of columns; found by convention where not given.
    skip_bad_rows : bool
        Pass over rows that can't be used and count them, where the first would otherwise end it.
    """

    def __init__(
        self,
        source: str,
        *,
        text_column: str | None = None,
        text_pair_column: str | None = None,
        label_column: str | None = None,
        split_column: str | None = None,
        skip_bad_rows: bool = False,
    ) -> None:
        self.source = source
        self.skip_bad_rows = skip_bad_rows
        self.split_chosen = split_column is not None
        sample = list(itertools.islice(read_rows(source), _SAMPLE_ROWS))
        values = [row.values for row in sample if row.fault is None]
        if not values and sample and sample[0].fault:
            raise sample[0].fault
        self.columns: Columns = find_columns(
            list(dict.fromkeys(str(name) for row in values for name in row)),
            values,
            text=text_column,
            text_pair=text_pair_column,
            label=label_column,
            split=split_column,
            source=source,
        )
        self.unlabelled = 0
        self.bad = 0
        self.first_bad: DataError | None = None
        self.counts: Counter[tuple[str, str]] = Counter()
        """Rows by label and split value."""
        self.first_row: dict[str, int] = {}
        """Number of the first row of each label."""
        self.first_split: dict[str, int] = {}
        """Number of the first row with each split value."""

    def __iter__(self) -> Iterator[CleanRow]:
        for raw in read_rows(self.source, only=self.columns.names()):
            try:
                row = self._clean(raw)
            except DataError as fault:
                if not self.skip_bad_rows:
                    raise
                self.bad += 1
                self.first_bad = self.first_bad or fault
                continue
            if row is None:
                self.unlabelled += 1
                continue
            self.counts[row.label, row.split] += 1
            self.first_row.setdefault(row.label, row.number)
            self.first_split.setdefault(row.split, row.number)
            yield row

    def _clean(self, raw: RawRow) -> CleanRow | None:
        """Make a clean row, None if it has no label, or raise what is wrong with it."""
        if raw.fault is not None:
            raise raw.fault
        where = place(self.source, raw.number, raw.line)
        columns = self.columns
        label = label_name(raw.values.get(columns.label), where, columns.label)
        if label is None:
            return None
        text = clean_text(raw.values.get(columns.text), where, columns.text)
        pair = (
            None
            if columns.text_pair is None
            else clean_text(raw.values.get(columns.text_pair), where, columns.text_pair)
        )
        split = "" if columns.split is None else raw.values.get(columns.split)
        return CleanRow(raw.number, text, pair, label, "" if split is None else str(split).strip())

    def census(self, *, drop_rare_classes: bool = False) -> Census:
        """Judge classes and splits, after the last row.

        Parameters
        ----------
        drop_rare_classes : bool
            Leave out classes with one row, or with none to train on, instead of raising.
        """
        if not self.counts:
            raise self._nothing_left()
        splits, note = self._splits()
        totals: Counter[str] = Counter()
        in_train: Counter[str] = Counter()
        for (label, value), count in self.counts.items():
            totals[label] += count
            in_train[label] += count if splits is None or splits[value] == "train" else 0
        rows = sum(totals.values())
        if len(totals) == 1:
            raise self._one_class(next(iter(totals)))
        if rows >= 20 and 2 * len(totals) > rows:
            raise self._not_classes(len(totals), rows)
        rare = self._rare(totals, in_train, drop_rare_classes)
        classes = tuple(sorted(totals.keys() - rare))
        if len(classes) < 2:
            raise DataError(
                f"{self.source}: {len(classes)} of its {len(totals)} classes has two or more rows.",
                "Add rows: at least two classes with three rows each, and dozens of rows in each to measure anything.",
            )
        return Census(classes, rare, splits, self._notes(totals, rare, note))

    def _splits(self) -> tuple[Mapping[str, SplitName] | None, str]:
        if self.columns.split is None:
            return None, ""
        return resolve_splits(self.first_split, chosen=self.split_chosen, column=self.columns.split, source=self.source)

    def _rare(self, totals: Counter[str], in_train: Counter[str], drop: bool) -> frozenset[str]:
        """Find the classes that can't be both learnt and tested."""
        unknown = [label for label in totals if not in_train[label]]
        single = [label for label, count in totals.items() if count == 1]
        if unknown and not drop:
            raise DataError(
                f"{self.source}: {self._some(unknown)} in the validation or test rows, but in no training row.",
                "Add training rows of it, mend its spelling, or leave such classes out with --drop-rare-classes.",
            )
        if single and not drop:
            raise DataError(
                f"{self.source}: {self._some(single)} in one row only: it can't be both learnt and tested.",
                "Add rows of it, merge it into another class, or leave such classes out with --drop-rare-classes.",
            )
        return frozenset(unknown + single)

    def _some(self, labels: list[str]) -> str:
        """Name the first few labels with a row of each."""
        shown = ", ".join(f"{_short(label)} (row {self.first_row[label]})" for label in labels[:5])
        more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
        return f"label {shown} stands" if len(labels) == 1 else f"labels {shown}{more} each stand"

    def _notes(self, totals: Counter[str], rare: frozenset[str], split_note: str) -> tuple[str, ...]:
        notes = [split_note] if split_note else []
        if self.unlabelled:
            notes.append(f"{self.unlabelled} rows without a label were kept aside.")
        if self.bad:
            first = self.first_bad.got if self.first_bad else ""
            notes.append(f"{self.bad} bad rows were skipped, the first: {first}")
        if rare:
            lost = sum(totals[label] for label in rare)
            named = ", ".join(map(_short, sorted(rare)[:5])) + ("…" if len(rare) > 5 else "")
            notes.append(f"{len(rare)} classes too rare to learn and test were left out with {lost} rows: {named}.")
        alike = Counter(" ".join(label.casefold().split()) for label in totals)
        same = [
            [label for label in totals if " ".join(label.casefold().split()) == key]
            for key, n in alike.items()
            if n > 1
        ]
        if same:
            notes.append(
                f"Labels that differ in case or spaces only count as different: {', '.join(map(repr, same[0]))}."
            )
        return tuple(notes)

    def _nothing_left(self) -> DataError:
        if self.bad and self.first_bad:
            return DataError(f"{self.source}: not one row can be used; the first: {self.first_bad.got}", _SKIP)
        return DataError(
            f"{self.source}: none of its {self.unlabelled} rows has a label in column {self.columns.label!r}.",
            "Label some rows, or name the right column with --label-column.",
        )

    def _one_class(self, label: str) -> DataError:
        return DataError(
            f"{self.source} has one class only: column {self.columns.label!r} says {_short(label)} in every row.",
            "Add rows of at least one other class, or name the right column with --label-column.",
        )

    def _not_classes(self, classes: int, rows: int) -> DataError:
        return DataError(
            f"{self.source}: column {self.columns.label!r} holds {classes:,} different values in {rows:,} labelled "
            "rows: that is free text or a measure, and not classes.",
            "Text classification is what can be done so far: name a column of classes with --label-column.",
        )


def label_name(value: object, where: str, column: str) -> str | None:
    """Bring a label to the string that names its class; None where the row has none.

    Examples
    --------
    >>> [label_name(value, "rows.csv, row 1", "label") for value in (1, 1.0, True, " spam ", "", float("nan"))]
    ['1', '1', 'true', 'spam', None, None]
    """
    if isinstance(value, str):
        name = value.strip()
        if not name.isascii() and not _whole(name):
            raise DataError(f"{where}: the label in column {column!r} holds half a character.", _SKIP)
        return name or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        return str(value)
    raise DataError(
        f"{where}: the label in column {column!r} is {_kind(value)}, not one class.",
        "Give each row one label, a string or a number; several labels a row can't be done so far.",
    )


def clean_text(value: object, where: str, column: str) -> str:
    """Check a text; the text itself stays as it is."""
    if isinstance(value, str):
        if not value or value.isspace():
            raise DataError(f"{where}: the text in column {column!r} is empty.", _SKIP)
        if not value.isascii() and not _whole(value):
            raise DataError(f"{where}: the text in column {column!r} holds half a character (a lone surrogate).", _SKIP)
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise DataError(f"{where}: there is no text in column {column!r}.", _SKIP)
    raise DataError(f"{where}: the text in column {column!r} is {_kind(value)}, not a string.", _SKIP)


def _whole(text: str) -> bool:
    """Whether a string can be written as UTF-8: JSON may smuggle halves of surrogate pairs in."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    kinds: dict[type, str] = {list: "a list", dict: "an object", bytes: "bytes"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _short(label: str) -> str:
    return repr(label if len(label) <= 40 else label[:39] + "…")
