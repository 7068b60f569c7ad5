"""Texts to predict on: rows that need no label."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from probes.base import Frozen
from probes.cleaning import clean_text, label_name
from probes.columns import TEXT_NAMES, fold_name, named_column
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
    skipped: int = 0
    """Rows without usable text that were passed over."""


def load_texts(
    source: str,
    *,
    text_column: str | None,
    text_pair_column: str | None,
    label_column: str | None,
    usual_text: str,
    usual_pair: str | None,
    usual_label: str,
    skip_bad_rows: bool = False,
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
    skip_bad_rows : bool
        Pass over rows that can't be used and count them, where the first would otherwise end it.

    Returns
    -------
    Texts

    Raises
    ------
    DataError
        Where a column is missing or a row has no text.
    """
    sample = list(itertools.islice(read_rows(source), 200))
    if not sample:
        raise DataError(f"{source} has no rows.", "Give a file with at least one text.")
    faults = [raw.fault for raw in sample if raw.fault is not None]
    if faults and (len(faults) == len(sample) or not skip_bad_rows):
        raise faults[0]  # before its columns are missed
    names = list(dict.fromkeys(str(name) for row in sample for name in row.values))
    text = _text_column(source, names, text_column, usual_text)
    pair = (
        None
        if usual_pair is None
        else named_column(names, text_pair_column or usual_pair, "--text-pair-column", source)
    )
    labels_come = label_column is not None or fold_name(usual_label) in map(fold_name, names)
    label = named_column(names, label_column or usual_label, "--label-column", source) if labels_come else None
    texts, pairs, labels, numbers, bad = [], [], [], [], []
    for raw in read_rows(source):
        where = place(source, raw.number, raw.line)
        try:
            if raw.fault is not None:
                raise raw.fault
            first = clean_text(raw.values.get(text), where, text)
            second = None if pair is None else clean_text(raw.values.get(pair), where, pair)
            truth = None if label is None else label_name(raw.values.get(label), where, label)
        except DataError as fault:
            if not skip_bad_rows:
                raise
            bad.append(fault)
            continue
        texts.append(first)
        pairs.append(second or "")
        labels.append(truth)
        numbers.append(raw.number)
    if not texts:
        raise bad[0]
    return Texts(
        texts=tuple(texts),
        pairs=None if pair is None else tuple(pairs),
        labels=tuple(labels),
        numbers=tuple(numbers),
        skipped=len(bad),
    )


def _text_column(source: str, names: Sequence[str], chosen: str | None, usual: str) -> str:
    """Return the chosen column, else the one of the training, else the only one with a conventional name."""
    if chosen is None and fold_name(usual) not in map(fold_name, names):
        known = [name for name in names if fold_name(name) in TEXT_NAMES]
        if len(known) == 1:
            return known[0]
    return named_column(names, chosen or usual, "--text-column", source)
