"""What the user should hear whatever strategy they choose: plain sentences, no effect on the ranking."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import count


def cautions(facts: Facts) -> tuple[str, ...]:
    """Return what to know before trusting any score on these rows, and before building on the model.

    Parameters
    ----------
    facts : Facts
        What is not known is passed over.

    Examples
    --------
    >>> cautions(Facts(model_licence="mit"))[-1]
    'The licence of the model (mit) also binds what is trained from it.'
    """
    found = [*_rows(facts)]
    if facts.facts_change:
        found.append("For new or changing facts, retrieval can be updated; weights have to be trained again.")
    if facts.data_may_leave is False:
        found.append("Every strategy here can run on your own machines.")
    name = facts.model_name
    found.append(f"Whatever is trained inherits the biases of {name}; tuning hides them more than it mends them.")
    if facts.model_licence:
        found.append(f"The licence of {name} ({facts.model_licence}) also binds what is trained from it.")
    else:
        found.append(f"Read the licence of {name}; it also binds what is trained from it.")
    return tuple(found)


def _rows(facts: Facts) -> list[str]:
    """Say what is wrong with the rows."""
    found = []
    if facts.leaked_test_rows:
        leaked = count(facts.leaked_test_rows, "test row")
        found.append(f"Train also holds {leaked}; scores on them prove nothing about new texts.")
    if facts.duplicate_share and facts.rows:
        repeated = round(facts.duplicate_share * facts.rows)
        found.append(
            f"Repeats of an earlier text: {repeated:,} of {count(facts.rows, 'row')} ({facts.duplicate_share:.1%}); "
            "there is less to learn from than the count says."
        )
    if facts.conflict_share and facts.rows:
        texts = count(round(facts.conflict_share * facts.rows), "text")
        found.append(f"More than one label stands with {texts}; no model can be right on all of them.")
    if facts.imbalance is not None and facts.imbalance >= 10 and facts.scored_by == "accuracy":
        found.append(
            f"The most frequent class has {facts.imbalance:,.0f} times the rows of the rarest; accuracy hardly sees "
            "rare classes, macro_f1 does."
        )
    # Without a profile the rarest class is not known, and the average says nothing about it.
    if facts.rarest_class_share is not None and (rarest := facts.rarest_class_rows) is not None and rarest < 5:
        named = "The rarest class" if facts.rarest_class is None else f"Class {facts.rarest_class!r}"
        found.append(
            f"{named} has {count(rarest, 'training row')}; whatever is chosen, collect more of it or expect it to be "
            "missed."
        )
    return found
