"""The linear probe as a classifier: fitted, and saved as the frozen model with the probe as its head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from probes.data import Rows
from probes.linear_head import LinearHead
from probes.measurement import Trial
from probes.recipe import FrozenFeatures
from probes.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class FittedProbe:
    """A linear probe on frozen features; see `probes.fitted.Fitted` for what the members mean."""

    recipe: FrozenFeatures
    head: LinearHead
    bench: Workbench
    tokens: int = 0
    converged: bool = True
    why_not: str = ""
    notes: tuple[str, ...] = ()

    @property
    def validation_score(self) -> float:
        """Score on the validation rows."""
        return self.head.validation_score

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Regularisation strengths tried."""
        return self.head.trials

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return class probabilities, shape (rows, classes)."""
        import numpy as np
        from scipy.special import softmax

        features = self.bench.features(rows, self.recipe)
        return np.asarray(softmax(self.head.logits(features), axis=1), dtype=np.float32)

    def save(self, folder: Path) -> str:
        """Write the frozen model with the probe as its head; return how to load it."""
        from probes.classifier import build_classifier, save_classifier

        bench = self.bench
        model = build_classifier(
            bench.facts,
            self.recipe.pooling,
            bench.data.classes,
            normalize=self.recipe.normalize,
            head=self.head,
            pad_token_id=bench.tokenizer.pad_token_id,
            dtype="float32",
            device="cpu",
        )
        return save_classifier(model, bench.tokenizer, bench.facts, bench.data.classes, self.recipe.max_length, folder)


def fit_probe(recipe: FrozenFeatures, bench: Workbench, train: Rows) -> FittedProbe:
    """Fit logistic regression on frozen features; validation rows choose its C.

    Parameters
    ----------
    recipe : FrozenFeatures
    bench : Workbench
    train : Rows

    Returns
    -------
    FittedProbe
    """
    from probes.classifier import stock_head

    bench.measured_speed()
    head = bench.linear_head(recipe, train, bias=not stock_head(bench.facts, recipe.pooling))
    tokens = sum(len(e["input_ids"]) for e in bench.tokens(train, recipe.max_length))
    return FittedProbe(recipe.model_copy(update={"C": (head.C,)}), head, bench, tokens)
