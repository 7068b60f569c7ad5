"""What the advice can name and no probe of this version measures: applicable or not, and why there is no number."""

from __future__ import annotations

from typing import NoReturn

from probes.errors import MeasurementFailed
from strategies.base import Situation, Strategy


class Unprobed(Strategy):
    """A strategy that is advised by rules alone; its verdict is NOT_MEASURED.

    Attributes
    ----------
    not_probed : str
        Why it is not measured, what it would take, and what to do instead.
    """

    method = "none"

    def recipes(self, situation: Situation) -> NoReturn:  # noqa: ARG002
        """Say why there is nothing to run.

        Raises
        ------
        MeasurementFailed
            With `not_probed`, which becomes the reason of the verdict.
        """
        raise MeasurementFailed(self.not_probed or "it is not measured in this version")

    def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:  # noqa: ARG002
        """Estimate: none, so that it takes nothing from the others' budget."""
        return 0.0
