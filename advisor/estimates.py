"""How long a measurement will take: each strategy's estimate, from measured speeds, and what became of the last."""

from __future__ import annotations

from advisor.arms import Rung
from advisor.choices import Choices
from probes.benches import Benches
from probes.data import Rows
from probes.hardware import Speed
from probes.model import ModelFacts
from probes.recipe import FrozenFeatures
from probes.sampling import take_nested
from probes.searching import FARTHEST, SearchTime
from probes.workbench import Workbench
from strategies import Situation

SOME_ROWS = 1_000
"""Rows at least, where there are as many, whose texts tell how long texts are."""


class Estimates:
    """Expected seconds, and the workbenches whose speeds they rest on.

    Parameters
    ----------
    benches : Benches
    choices : Choices
        Threads and precision chosen earlier, by model.
    train_rows : int
        All rows to learn from.
    """

    def __init__(self, benches: Benches, choices: Choices, train_rows: int) -> None:
        self._made = benches
        self._data = benches.setting.data
        self._choices = choices
        self._train_rows = train_rows
        self._situations: dict[str, Situation] = {}
        """Of models whose speed was measured, by name."""
        self._characters = _characters(self._data.train)
        self._corrections: dict[tuple[str, str], float] = {}
        """Measured over estimated seconds of the last measurement with this method and model."""

    def bench(self, model: ModelFacts | None) -> Workbench:
        """Return the workbench of a model in this process."""
        return self._made.of(model)

    def speed(self, model: ModelFacts | None) -> Speed | None:
        """Return the measured speed of a model; None before it was measured, and of none."""
        known = self._situations.get(model.name) if model else None
        return known.speed if known else None

    def measured(self, model: ModelFacts | None) -> bool:
        """Whether the speed of a model is known; that of none always is."""
        return model is None or model.name in self._situations

    def measure(self, model: ModelFacts) -> None:
        """Measure the speed of a model on a few batches."""
        bench = self.bench(model)
        bench.choice = self._choices.recall(model)
        with bench.deadline.enforced():
            speed = bench.measured_speed()
            self._choices.keep(model, speed.threads, speed.precision)
            self._situations[model.name] = self._bare(model).model_copy(
                update={
                    "max_length": bench.max_length,
                    "speed": speed,
                    "features_cached": self._features_cached(model, bench),
                }
            )

    def situation(self, rung: Rung, seed: int = 0) -> Situation:
        """Return what a strategy may look at when it proposes recipes.

        The speed of a model not yet measured is that of the last one that was, scaled by the number of weights.
        """
        model = rung.model
        known = self._situations.get(model.name) if model else None
        if known is not None:
            return known.model_copy(update={"seed": seed})
        here = self._bare(model).model_copy(update={"seed": seed})
        if model is None or not self._situations:
            return here
        other = next(reversed(self._situations.values()))
        if other.speed is None or other.model is None:
            return here
        lighter = (other.model.parameters or 1) / (model.parameters or other.model.parameters or 1)
        speed = other.speed.model_copy(
            update={
                "forward_rows_per_second": lighter * other.speed.forward_rows_per_second,
                "train_rows_per_second": lighter * other.speed.train_rows_per_second,
            }
        )
        return here.model_copy(update={"max_length": other.max_length, "speed": speed})

    def seconds(self, rung: Rung, rows: int, search_rows: int, searched: bool) -> float:
        """Return the seconds a measurement will take, by its estimate and how true the last one like it was."""
        return self._corrections.get(rung.cost_key, 1.0) * self._estimate(rung, rows, search_rows, searched)

    def search_time(self, rung: Rung, rows: int, search_rows: int, rates: int, reserve: float) -> SearchTime:
        """Return what a search of so many learning rates is expected to take, and what comes after it.

        Parameters
        ----------
        rung : Rung
        rows, search_rows, rates : int
        reserve : float
            Seconds to leave for others.

        Returns
        -------
        SearchTime
            A trial is what a search adds, shared out over its rates; on all rows one of them is the measurement itself.
        """
        followed = search_rows < rows
        bare = self.seconds(rung, rows, search_rows, False)
        searches = self.seconds(rung, rows, search_rows, True) - bare
        trial = searches / (rates if followed else max(1, rates - 1))
        return SearchTime(trial, bare if followed else max(0.0, bare - trial), reserve)

    def learn(self, rung: Rung, rows: int, search_rows: int, searched: bool, took: float) -> None:
        """Correct the estimates by what a measurement took."""
        estimate = self._estimate(rung, rows, search_rows, searched)
        if estimate > 1:
            self._corrections[rung.cost_key] = min(FARTHEST, max(1 / FARTHEST, took / estimate))

    def look_again(self, model: ModelFacts | None) -> None:
        """Look whether features of the model are cached by now."""
        if model is not None and (known := self._situations.get(model.name)) is not None and not known.features_cached:
            cached = self._features_cached(model, self.bench(model))
            self._situations[model.name] = known.model_copy(update={"features_cached": cached})

    def _estimate(self, rung: Rung, rows: int, search_rows: int, searched: bool) -> float:
        situation = self.situation(rung)
        if rows < len(self._data.train):  # what is cached is one set; each seed draws another, and fewer are one more
            situation = situation.model_copy(update={"features_cached": False})
        return rung.strategy.seconds(situation, rows, search_rows, searched=searched)

    def _bare(self, model: ModelFacts | None) -> Situation:
        return Situation(
            train_rows=self._train_rows,
            validation_rows=len(self._data.validation),
            test_rows=len(self._data.test),
            classes=len(self._data.classes),
            max_length=0,
            characters=self._characters,
            model=model,
        )

    def _features_cached(self, model: ModelFacts, bench: Workbench) -> bool:
        frozen = FrozenFeatures(pooling=model.pooling, normalize=model.normalize, max_length=bench.max_length)
        train = take_nested(self._data.train, self._train_rows, self._data.split_seed)
        return all(bench.has_features(rows, frozen) for rows in (train, self._data.validation, self._data.test))


def _characters(rows: Rows) -> float:
    """Return the characters of a text on average, of rows from all over: a user's splits may be in some order."""
    each = max(1, len(rows) // SOME_ROWS)
    texts, pairs = rows.texts[::each], (rows.pairs or ())[::each]
    return sum(map(len, (*texts, *pairs))) / max(1, len(texts))
