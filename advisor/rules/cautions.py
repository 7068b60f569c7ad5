"""What the user should hear whatever strategy they choose: plain sentences, no effect on the ranking."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import count


def cautions(facts: Facts) -> tuple[str, ...]:
    """Return what to know before trusting any score on these rows.

    Parameters
    ----------
    facts : Facts
        Only the brief and the profile are read.
    """
    brief, profile = facts.brief, facts.profile
    found = []
    if leaked := profile.leaks.test_rows_in_train_normalised or profile.leaks.test_rows_in_train:
        found.append(f"Train also holds {count(leaked, 'test row')}; scores on them prove nothing about new texts.")
    if repeated := profile.duplicates.normalised:
        found.append(
            f"Repeats of an earlier text: {repeated:,} of {count(profile.rows, 'row')} ({facts.duplicate_share:.1%}); "
            "there is less to learn from than the count says."
        )
    if profile.label_conflicts:
        texts = count(profile.label_conflicts, "text")
        found.append(f"More than one label stands with {texts}; no model can be right on all of them.")
    if profile.imbalance >= 10 and brief.metric == "accuracy":
        found.append(
            f"The most frequent class has {profile.imbalance:,.0f} times the rows of the rarest; accuracy hardly sees "
            "rare classes, macro_f1 does."
        )
    if profile.per_class and facts.rarest_class_rows < 5:
        rarest = min(profile.per_class, key=profile.per_class.__getitem__)
        found.append(
            f"Class {rarest!r} has {count(facts.rarest_class_rows, 'training row')}; whatever is chosen, collect more "
            "of it or expect it to be missed."
        )
    if brief.facts_change:
        found.append("For new or changing facts consider retrieval; it is not among the strategies of this version.")
    if not brief.data_may_leave:
        found.append("Every strategy here runs on your own machine: no row leaves it.")
    return tuple(found)
