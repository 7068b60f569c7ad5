"""Fitting: what cannot be learned from, or read, is refused with what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from probes.errors import SettingError
from probes.fitting import fit
from probes.model import ModelFacts
from probes.workbench import Workbench
from tests.probes.made_fits import recipes_of

MakeBench = Callable[..., Workbench]


@pytest.mark.parametrize("kind", ["bag of words", "probe", "tuning"])
def test_rows_that_miss_a_class_are_refused(kind: str, encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder)
    two = bench.data.train.take([i for i, label in enumerate(bench.data.train.labels) if label < 2])
    with pytest.raises(SettingError, match=r"hold 2 of the 3 classes \(none of 'log in'\)[\s\S]*`train_rows`.* to 3"):
        fit(recipes_of(kind)[0], bench, two)


@pytest.mark.parametrize("kind", ["probe", "tuning"])
def test_more_tokens_than_the_model_reads_are_refused(kind: str, encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder)
    recipe = recipes_of(kind)[0].model_copy(update={"max_length": encoder.context + 1})
    with pytest.raises(SettingError, match=rf"max_length is {encoder.context + 1}, but .* {encoder.context} tokens"):
        fit(recipe, bench, bench.data.train)
