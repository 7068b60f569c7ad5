"""What would settle an open comparison: test rows, seeds, and the difference that shows already."""

from __future__ import annotations

import math

from probes.base import Frozen
from probes.paired import FIRST_SEEDS, SEED_WEIGHT, variance_of_mean

POWER = 0.8
"""Share of repetitions in which what is asked for settles the comparison, if the difference is as seen."""

MOST_ROWS = 1_000_000
"""More test rows than anybody labels: a difference that takes more lies at the edge of the tolerance."""

MOST_SEEDS = 20
"""As many seeds as a run may be asked for."""


class Gap(Frozen):
    """The comparison with one rival, or a target, that keeps a candidate's verdict open, or that decided it."""

    distance: float
    """Score minus the rival's, plus the tolerance; above 0 more evidence would confirm, below 0 refute."""
    level: float
    """One-sided error rate it is tested at, after corrections."""
    power: float
    """Chance of settling this comparison that makes it 80 % for the verdict, which may rest on several."""
    rows: int
    """Test rows."""
    row_variance: float
    """Variance of the difference on one test row."""
    seed_variances: tuple[float, float]
    """Variance between seeds of the candidate and of the rival; 0 where another seed gives the same result."""
    seeds: tuple[int, int]
    """Seeds of the candidate and of the rival."""
    rival_is_open: bool = True
    """Whether the rival can get more seeds."""

    @property
    def open_sides(self) -> tuple[bool, bool]:
        """Whether more seeds of the candidate, and of the rival, tell more and can be had."""
        own, rival = self.seed_variances
        return bool(own), bool(rival) and self.rival_is_open

    @property
    def seeds_that_count(self) -> tuple[int, ...]:
        """Seeds so far of those sides that more can be had of, and whose result depends on them."""
        return tuple(s for s, more in zip(self.seeds, self.open_sides, strict=True) if more)

    @property
    def assumed(self) -> bool:
        """Whether some spread between seeds is assumed for the most part: too few were measured to show it."""
        return min(self.seeds_that_count, default=FIRST_SEEDS) < FIRST_SEEDS

    @property
    def without_chance(self) -> Gap:
        """It, were every seed to give the same."""
        return self.model_copy(update={"seed_variances": (0.0, 0.0)})

    def with_seeds(self, seeds: int) -> Gap:
        """Return it as it would be with so many seeds, at least, of what depends on them."""
        own, rival = (max(now, seeds) if more else now for now, more in zip(self.seeds, self.open_sides, strict=True))
        return self.model_copy(update={"seeds": (own, rival)})

    @property
    def seed_part(self) -> float:
        """Variance of the difference that stays however many test rows there are."""
        return sum(self._of_seeds)

    @property
    def _of_seeds(self) -> tuple[float, ...]:
        """Variances of the means over seeds."""
        return tuple(variance_of_mean(*one) for one in zip(self.seed_variances, self.seeds, strict=True))

    def detectable(self, rows: int | None = None) -> float:
        """Return the distance that would be settled at this power with so many test rows (as many as there are).

        (t of the level + z of the power) · √variance, with Satterthwaite's degrees of freedom, plus half a row of
        continuity; without seeds that is the usual formula for paired shares (Connor 1987).

        Examples
        --------
        >>> gap = Gap(distance=0.02, level=0.05, power=0.8, rows=1_540, row_variance=0.1, seeds=(1, 1),
        ...           seed_variances=(0, 0))
        >>> round(gap.detectable(), 4)
        0.0204
        """
        from scipy.special import ndtri, stdtrit

        n = rows or self.rows
        variance = self.row_variance / n + self.seed_part
        spread = sum(v**2 / (SEED_WEIGHT + s - 1) for v, s in zip(self._of_seeds, self.seeds, strict=True))
        freedom = min(variance**2 / spread, 1e9) if spread else 1e9
        quantile = -float(stdtrit(freedom, self.level)) + float(ndtri(self.power))
        return quantile * math.sqrt(variance) + 0.5 / n

    def rows_to_settle(self) -> int | None:
        """Return the test rows that settle it with the seeds it has, None where none do.

        Examples
        --------
        >>> gap = Gap(distance=0.02, level=0.05, power=0.8, rows=500, row_variance=0.1, seeds=(1, 1),
        ...           seed_variances=(0, 0))
        >>> gap.rows_to_settle()
        1596
        >>> gap.model_copy(update={"seed_variances": (0.01**2, 0.01**2)}).rows_to_settle() is None
        True
        """
        need = abs(self.distance)
        if self.detectable(MOST_ROWS) > need:
            return None
        low, high = 1, MOST_ROWS
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.detectable(middle) <= need else (middle + 1, high)
        return low

    def seeds_to_settle(self) -> int | None:
        """Return the seeds of each side that settle it on the test rows it has, None where up to 20 do not.

        Examples
        --------
        >>> gap = Gap(distance=0.03, level=0.05, power=0.8, rows=3_000, row_variance=0.1, seeds=(1, 1),
        ...           seed_variances=(0.014**2, 0))
        >>> gap.seeds_to_settle()
        3
        """
        need = abs(self.distance)
        return next((s for s in self._more_seeds if self.with_seeds(s).detectable() <= need), None)

    def both_to_settle(self) -> tuple[int, int] | None:
        """Return seeds and test rows that settle it together, None where 20 seeds and any rows do not.

        As few seeds as leave the rows half of the variance, since each further seed costs all the training again.
        """
        for seeds in self._more_seeds:
            wider = self.with_seeds(seeds)
            half = 2 * wider.detectable(MOST_ROWS) ** 2 <= self.distance**2
            if (half or seeds == MOST_SEEDS) and (rows := wider.rows_to_settle()):
                return seeds, rows
        return None

    @property
    def _more_seeds(self) -> range:
        return range(min(self.seeds_that_count, default=MOST_SEEDS) + 1, MOST_SEEDS + 1)
