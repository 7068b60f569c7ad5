"""The baseline: TF-IDF and logistic regression, and the file it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

from probes.bag_of_words import FittedBagOfWords, joined
from probes.data import TaskData
from probes.deadline import Deadline
from probes.errors import MeasurementFailed, OutOfTime
from probes.fitting import fit
from probes.recipe import BagOfWords
from probes.workbench import Workbench

MakeBench = Callable[..., Workbench]
MakeTask = Callable[..., TaskData]


def fitted(bench: Workbench, **more: Any) -> FittedBagOfWords:
    found = fit(BagOfWords(**more), bench, bench.data.train)
    assert isinstance(found, FittedBagOfWords)
    return found


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("pairs", [False, True])
def test_the_saved_pipeline_needs_no_trust_and_predicts_class_names(
    classes: int, pairs: bool, make_bench: MakeBench, make_task: MakeTask, tmp_path: Path
) -> None:
    bench = make_bench(None, make_task(classes=classes, pairs=pairs))
    found = fitted(bench)
    how = found.save(tmp_path)
    assert "skops.io.load('classifier.skops')" in how
    assert [f.name for f in tmp_path.iterdir()] == ["classifier.skops"]
    assert skops.io.get_untrusted_types(file=tmp_path / "classifier.skops") == []
    loaded = skops.io.load(tmp_path / "classifier.skops", trusted=[])
    texts = joined(bench.data.test)
    expected = found.probabilities(bench.data.test)
    assert expected.shape == (60, classes)
    np.testing.assert_allclose(loaded.predict_proba(texts), expected, atol=1e-6)
    names = [bench.data.classes[k] for k in expected.argmax(axis=1)]
    assert list(loaded.predict(texts)) == names
    assert tuple(loaded.classes_) == bench.data.classes


def test_it_learns_a_task_of_words(make_bench: MakeBench) -> None:
    bench = make_bench(None)
    found = fitted(bench)
    assert found.validation_score == 1.0
    assert (found.probabilities(bench.data.test).argmax(axis=1) == np.array(bench.data.test.labels)).mean() > 0.95


def test_the_share_of_the_commonest_class_is_noted(make_bench: MakeBench) -> None:
    bench = make_bench(None)
    rare = [i for i, label in enumerate(bench.data.train.labels) if label == 1 or i < 12]
    data = bench.data.model_copy(update={"train": bench.data.train.take(rare)})
    assert fitted(make_bench(None, data)).notes == ("always answering 'card' scores 0.333",)


def test_the_best_strength_is_kept_in_the_recipe(make_bench: MakeBench) -> None:
    found = fitted(make_bench(None), C=(100.0, 1e-6, 1.0))
    assert [t.setting for t in found.trials] == ["C=1e-06", "C=1", "C=100"]
    best = max(found.trials, key=lambda t: (t.validation_score, -t.validation_loss))
    assert (float(best.setting[2:]),) == found.recipe.C
    assert found.validation_score == best.validation_score


def test_the_kept_weights_are_those_of_the_best_strength(make_bench: MakeBench) -> None:
    bench = make_bench(None)
    both, alone = fitted(bench, C=(1.0, 1e-6)), fitted(bench, C=(1.0,))
    assert both.recipe.C == (1.0,)
    np.testing.assert_allclose(both.probabilities(bench.data.test), alone.probabilities(bench.data.test), atol=5e-3)


def test_pairs_are_read_line_by_line(make_task: MakeTask) -> None:
    rows = make_task(pairs=True).train
    assert rows.pairs is not None
    assert joined(rows)[0] == f"{rows.texts[0]}\n{rows.pairs[0]}"
    assert joined(make_task().train) == list(make_task().train.texts)


def test_texts_without_any_word_fail_the_measurement(make_bench: MakeBench) -> None:
    bench = make_bench(None)
    empty = bench.data.train.model_copy(update={"texts": ("!",) * len(bench.data.train)})
    with pytest.raises(MeasurementFailed, match="found no words"):
        fit(BagOfWords(), bench, empty)


def test_the_deadline_holds(make_bench: MakeBench) -> None:
    with pytest.raises(OutOfTime):
        fitted(make_bench(None, deadline=Deadline(0)))
