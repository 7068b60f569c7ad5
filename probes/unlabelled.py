"""Texts to predict on: rows that need no label."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from probes.base import Frozen
from probes.cleaning import clean_text, label_name
from probes.columns import TEXT_NAMES, fold_name
from probes.errors import DataError
from probes.opening import place
from probes.reading import read_rows


class Texts(Frozen):
    """Rows to predict on; all tuples have the same length."""

    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None
    labels: tuple[str | None, ...]
    """The label of each row that brings one."""
    numbers: tuple[int, ...]
    """1-based number of each row in the file."""


def load_texts(
    source: str,
    *,
    text_column: str | None,
    text_pair_column: str | None,
    label_column: str | None,
    usual_text: str,
    usual_pair: str | None,
    usual_label: str,
) -> Texts:
    """Read texts to predict on.

    Parameters
    ----------
    source : str
        As for `probes.reading.read_rows`.
    text_column, text_pair_column, label_column : str or None
        The user's choice of columns.
    usual_text, usual_pair, usual_label : str or None
        Their names in the training rows, taken where not chosen; `usual_pair` is None for single texts.

    Returns
    -------
    Texts

    Raises
    ------
    DataError
        Where a column is missing or a row has no text.
    """
    sample = list(itertools.islice(read_rows(source), 200))
    for raw in sample:  # before its columns are missed
        if raw.fault is not None:
            raise raw.fault
    if not sample:
        raise DataError(f"{source} has no rows.", "Give a file with at least one text.")
    names = list(dict.fromkeys(str(name) for row in sample for name in row.values))
    text = _column(source, names, text_column, usual_text, "--text-column")
    pair = None if usual_pair is None else _column(source, names, text_pair_column, usual_pair, "--text-pair-column")
    label = label_column or (usual_label if usual_label in names else None)
    if label_column is not None and label_column not in names:
        raise _missing(source, names, label_column, "--label-column")
    texts, pairs, labels, numbers = [], [], [], []
    for raw in read_rows(source):
        if raw.fault is not None:
            raise raw.fault
        where = place(source, raw.number, raw.line)
        texts.append(clean_text(raw.values.get(text), where, text))
        if pair is not None:
            pairs.append(clean_text(raw.values.get(pair), where, pair))
        labels.append(None if label is None else label_name(raw.values.get(label), where, label))
        numbers.append(raw.number)
    return Texts(
        texts=tuple(texts),
        pairs=None if pair is None else tuple(pairs),
        labels=tuple(labels),
        numbers=tuple(numbers),
    )


def _column(source: str, names: Sequence[str], chosen: str | None, usual: str, flag: str) -> str:
    """Return the chosen column, else the one of the training, else the only one with a conventional name."""
    if chosen is not None:
        if chosen not in names:
            raise _missing(source, names, chosen, flag)
        return chosen
    if usual in names:
        return usual
    known = [name for name in names if fold_name(name) in TEXT_NAMES]
    if flag == "--text-column" and len(known) == 1:
        return known[0]
    raise _missing(source, names, usual, flag)


def _missing(source: str, names: Sequence[str], wanted: str, flag: str) -> DataError:
    return DataError(
        f"{source} has no column {wanted!r}; it has {', '.join(names) or 'none'}.", f"Name the right one with {flag}."
    )
