"""No model at all: a rule, a form, a search or a person does the job."""

from __future__ import annotations

from strategies.unprobed import Unprobed


class NoModel(Unprobed):
    """Written rules, another form at the source, or a person.

    The cheapest to keep where the task can be written down in a few lines, or occurs so seldom that a person is done
    before a model would be.
    """

    name = "no_model"
    needs_model = False
    not_probed = (
        "rules written down, or a person, cannot be measured from the rows alone. Score your rules on the test rows, "
        "or time a person on 50 of them, and hold that against the baseline's score"
    )
