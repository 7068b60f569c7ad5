"""The workbenches of a process: one a model, made when first needed, all over the same rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from probes.data import TaskData
from probes.deadline import Deadline
from probes.features import FeatureCache
from probes.hardware import Hardware
from probes.measurement import Metric
from probes.model import ModelFacts
from probes.workbench import Workbench


@dataclass(frozen=True)
class Setting:
    """What every measurement of a run shares; it travels to the processes that measure."""

    data: TaskData
    hardware: Hardware
    """What one of these processes may use."""
    metric: Metric
    features: Path | None
    """Folder of the feature cache; None keeps features in memory."""


@dataclass
class Benches:
    """The workbenches of a process.

    Parameters
    ----------
    setting : Setting
    deadline : Deadline
        When work on them ends.
    """

    setting: Setting
    deadline: Deadline = field(default_factory=lambda: Deadline(None))

    def __post_init__(self) -> None:
        self._cache = FeatureCache(self.setting.features)
        self._made: dict[str, Workbench] = {}

    def of(self, model: ModelFacts | None) -> Workbench:
        """Return the workbench of a model, the same each time; that of None is for what needs no model.

        Those of other models let go of weights that lie frozen in memory: their vectors stay.
        """
        name = model.name if model else ""
        if name not in self._made:
            self._made[name] = Workbench(
                data=self.setting.data,
                model=model,
                hardware=self.setting.hardware,
                metric=self.setting.metric,
                deadline=self.deadline,
                cache=self._cache,
            )
        if model is not None:
            for other, bench in self._made.items():
                if other != name:
                    bench.drop_frozen()
        return self._made[name]
