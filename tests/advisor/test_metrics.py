"""Every kind of task has metrics, and those of text classification are the ones that are computed."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from advisor.brief import Brief
from advisor.facts import gather
from advisor.metrics import MEANING, METRICS, Task, TaskMetric
from advisor.settings import settings_from
from advisor.whatif import parse_vary
from probes.errors import SettingError
from probes.profile import profile_rows
from probes.statistics import score


def test_every_task_has_metrics_and_every_metric_a_task_and_a_meaning() -> None:
    assert tuple(METRICS) == get_args(Task)
    assert {metric for metrics in METRICS.values() for metric in metrics} == set(get_args(TaskMetric)) == set(MEANING)


def test_the_metrics_of_text_classification_are_computed() -> None:
    labels = np.array([0, 1, 1])
    assert [score(metric, labels, labels) for metric in METRICS["text-classification"]] == [1.0, 1.0]


@pytest.mark.parametrize("task", METRICS)
def test_a_metric_goes_with_its_tasks_alone(task: Task) -> None:
    assert Brief(task=task).scored_by == METRICS[task][0]
    for metric in get_args(TaskMetric):
        if metric in METRICS[task]:
            assert Brief(task=task, metric=metric).scored_by == metric
        else:
            with pytest.raises(SettingError, match=f"does not go with the task {task}"):
                Brief(task=task, metric=metric)


def test_a_task_set_beside_a_brief_brings_its_own_metric() -> None:
    assert gather(Brief(rows=8), changes={"task": "code"}).scored_by == "pass_at_1"
    with pytest.raises(SettingError, match="left out, it is pass_at_1"):
        gather(Brief(metric="accuracy"), changes={"task": "code"})


def test_a_metric_set_beside_a_brief_is_checked_with_the_briefs_task() -> None:
    change = settings_from(["metric=exact_match"])
    assert change == {"metric": "exact_match"}
    assert gather(Brief(task="code"), changes=change).scored_by == "exact_match"
    with pytest.raises(SettingError, match="does not go with the task summarisation"):
        gather(Brief(task="summarisation"), changes=change)
    assert parse_vary("metric=f1,exact_match") == ("metric", ["f1", "exact_match"])


def test_rows_in_one_of_the_languages_named_are_in_all_of_them(tmp_path) -> None:
    rows = tmp_path / "rows.csv"
    english = "".join(f"the printer on the second floor has jammed again {k},a\n" for k in range(20))
    german = "".join(f"der Drucker im zweiten Stock hat wieder Papierstau {k},b\n" for k in range(12))
    rows.write_text("text,label\n" + english + german, encoding="utf-8")
    profile = profile_rows(str(rows))
    assert profile.language == "en"
    both = gather(Brief(language="de, en"), profile)
    assert (both.language, both.language_share, both.is_language) == ("de, en", None, True)
    for other in (Brief(language="de"), Brief(language="fr, sw"), Brief()):
        assert gather(other, profile).language == "en"
        assert gather(other, profile).language_share == profile.language_share
