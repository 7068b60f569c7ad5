"""What a profile's numbers mean for the user, one sentence each, with how they were counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.profile import Profile

FEW_ROWS = 10
"""Below this many rows, a class can hardly be learnt or measured."""
SKEWED = 10.0
"""From this imbalance on, accuracy hides how the rare classes fare."""


MIXED = 0.8
"""Below this share of rows in the main language, the user hears of it."""

_LOOSELY = "when case, punctuation and spacing are passed over"


def notes(profile: Profile) -> tuple[str, ...]:
    """Return the sentences the numbers of a profile call for.

    Parameters
    ----------
    profile : Profile
    """
    found = (_classes(profile), _duplicates(profile), _leaks(profile), _conflicts(profile), _length(profile))
    return tuple(note for part in (*found, _language(profile)) for note in part)


def _classes(profile: Profile) -> list[str]:
    found = []
    few = [name for name, count in profile.per_class.items() if count < FEW_ROWS]
    if few:
        shown = ", ".join(map(repr, few[-5:])) + ("…" if len(few) > 5 else "")
        verb = "class has" if len(few) == 1 else "classes have"
        found.append(f"{len(few)} {verb} fewer than {FEW_ROWS} rows and can hardly be measured: {shown}.")
    if profile.imbalance >= SKEWED:
        found.append(
            f"The most frequent class has {profile.imbalance:.0f} times the rows of the rarest: accuracy hides how the "
            "rare classes fare, macro-F1 doesn't."
        )
    return found


def _duplicates(profile: Profile) -> list[str]:
    exact, normalised = profile.duplicates.exact, profile.duplicates.normalised
    if not normalised:
        return []
    repeat = "row repeats" if exact == 1 else "rows repeat"
    note = f"{exact:,} {repeat} an earlier row's text byte for byte, {normalised:,} {_LOOSELY}"
    return [f"{note} (a text that stands k times counts k − 1)."]


def _leaks(profile: Profile) -> list[str]:
    found = []
    leaks = profile.leaks
    if leaks.test_rows_in_train_normalised:
        found.append(
            f"{leaks.test_rows_in_train:,} of {profile.splits['test']:,} test rows have a text that stands in train, "
            f"byte for byte, {leaks.test_rows_in_train_normalised:,} {_LOOSELY}: a score on them flatters. "
            "Measurements leave such texts out of train."
        )
    if leaks.validation_rows_in_train:
        found.append(
            f"{leaks.validation_rows_in_train:,} of {profile.splits['validation']:,} validation rows have a text that "
            "stands in train too, byte for byte."
        )
    return found


def _conflicts(profile: Profile) -> list[str]:
    count = profile.label_conflicts
    if not count:
        return []
    stand = "text stands" if count == 1 else "different texts stand"
    return [f"{count:,} {stand} with more than one label, byte for byte: no model can get all those rows right."]


def _length(profile: Profile) -> list[str]:
    if not profile.truncated or profile.context is None:
        return []
    longer = "row is" if profile.truncated == 1 else "rows are"
    note = f"{profile.truncated:,} {longer} longer than the {profile.context:,} tokens the model reads"
    return [f"{note} ({profile.truncated / profile.rows:.1%}): what lies beyond is cut off."]


def _language(profile: Profile) -> list[str]:
    if profile.language == "und":
        return ["The texts don't read as any one natural language: what a language model knows may be of little use."]
    if profile.language_share < MIXED:
        share = f"Only {profile.language_share:.0%} of a sample of the texts read as {profile.language!r}"
        return [f"{share}: several languages, or very short texts."]
    return []
