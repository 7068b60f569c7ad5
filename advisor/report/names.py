"""What a candidate is called on a page: a model by its folder's own name, or as much of its path as tells it apart."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from strategies import Candidate


def short_name(who: Candidate, models: Iterable[str | None]) -> str:
    """Return the name of a candidate on a page; the JSON document has the whole path of its model.

    Parameters
    ----------
    who : Candidate
    models : iterable of str or None
        Names of all models on the page.

    Returns
    -------
    str

    Examples
    --------
    >>> names = [None, "runs/a/model", "runs/b/model", "runs/other"]
    >>> [short_name(Candidate(strategy="lora", model=name), names) for name in names[1:]]
    ['lora · a/model', 'lora · b/model', 'lora · other']
    """
    if who.model is None:
        return who.strategy
    own = PurePath(who.model).parts
    others = [PurePath(name).parts for name in set(models) - {None, who.model} if name is not None]
    ends = (length for length in range(1, len(own) + 1) if all(own[-length:] != other[-length:] for other in others))
    shortest = next(ends, None)
    return f"{who.strategy} · {who.model if shortest is None else PurePath(*own[-shortest:])}"
