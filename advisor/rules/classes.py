"""How rules open a sentence about the rows of a class."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import count


def typical_class(facts: Facts) -> str:
    """Name the class whose rows are counted: nothing but the average is known where nobody looked at the rows.

    Examples
    --------
    >>> typical_class(Facts(rows=100, classes=4))
    'the average class'
    """
    return "the average class" if facts.median_class_share is None else "the median class"


def rows_of_a_class(facts: Facts) -> str:
    """Open a sentence with the training rows of the median class, or of an average one where no median is known.

    Examples
    --------
    >>> rows_of_a_class(Facts(rows=3_000, classes=40))
    'On average your 40 classes have 52 training rows'
    >>> rows_of_a_class(Facts(rows=3_000, classes=40, median_class_share=0.5))
    'The median of your 40 classes has 26 training rows'
    """
    classes, rows = facts.classes or 0, count(facts.class_rows or 0, "training row")
    if facts.median_class_share is not None:
        return f"The median of your {count(classes, 'class')} has {rows}"
    return f"Your one class has {rows}" if classes == 1 else f"On average your {count(classes, 'class')} have {rows}"
