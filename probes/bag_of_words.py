"""The baseline that transfers nothing: TF-IDF over word and character n-grams with logistic regression."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.data import Rows, TaskData
from probes.deadline import Deadline
from probes.errors import MeasurementFailed
from probes.features import Progress
from probes.linear_head import cross_entropy, fit_quietly
from probes.measurement import Metric, Trial
from probes.recipe import BagOfWords
from probes.statistics import score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "classifier.skops"
WORD = r"(?u)\b\w+\b"


@dataclass(frozen=True)
class FittedBagOfWords:
    """TF-IDF and logistic regression; see `probes.fitted.Fitted` for what the members mean."""

    recipe: BagOfWords
    pipeline: Any
    classes: tuple[str, ...]
    validation_score: float
    trials: tuple[Trial, ...]
    notes: tuple[str, ...]
    tokens: int = 0
    converged: bool = True
    why_not: str = ""

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return class probabilities, shape (rows, classes)."""
        import numpy as np

        return np.asarray(self.pipeline.predict_proba(joined(rows)), dtype=np.float32)

    def save(self, folder: Path) -> str:
        """Write `classifier.skops`, a scikit-learn pipeline that predicts class names; loading it runs no code."""
        import copy

        import numpy as np
        import skops.io

        named = copy.deepcopy(self.pipeline)
        named[-1].classes_ = np.array(self.classes)
        skops.io.dump(named, folder / FILE)
        return f"a scikit-learn pipeline: `skops.io.load('{FILE}').predict_proba([text])`"


def joined(rows: Rows) -> list[str]:
    """Return one text a row, both texts of a pair on lines of their own."""
    if rows.pairs is None:
        return list(rows.texts)
    return [f"{a}\n{b}" for a, b in zip(rows.texts, rows.pairs, strict=True)]


def fit_bag_of_words(
    recipe: BagOfWords, data: TaskData, *, metric: Metric, deadline: Deadline, progress: Progress
) -> FittedBagOfWords:
    """Fit TF-IDF and logistic regression for each C and keep the best on validation rows.

    Parameters
    ----------
    recipe : BagOfWords
    data : TaskData
    metric : {'accuracy', 'macro_f1'}
    deadline : Deadline
    progress : callable

    Returns
    -------
    FittedBagOfWords

    Raises
    ------
    MeasurementFailed
        If the texts hold no n-gram at all.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    features = make_union(
        # One-letter words count too: in codes and formulas they carry the meaning.
        TfidfVectorizer(
            ngram_range=recipe.word_ngrams,
            sublinear_tf=True,
            max_features=recipe.max_features,
            token_pattern=WORD,
        ),
        TfidfVectorizer(
            analyzer="char_wb", ngram_range=recipe.char_ngrams, sublinear_tf=True, max_features=recipe.max_features
        ),
    )
    labels = np.array(data.train.labels)
    validation_labels = np.array(data.validation.labels)
    try:
        matrix = features.fit_transform(joined(data.train))
    except ValueError as error:
        raise MeasurementFailed(f"TF-IDF found no words in the texts ({error})") from error
    validation = features.transform(joined(data.validation))
    # Each strength starts anew: the emitted config fits its one strength again, and must get the same weights.
    model = LogisticRegression(max_iter=300, tol=1e-4)
    best: tuple[tuple[float, float], float, Any] | None = None
    trials = []
    for done, C in enumerate(sorted(recipe.C)):
        deadline.check()
        progress("TF-IDF and logistic regression", done, len(recipe.C))
        start = time.monotonic()
        model.set_params(C=C)
        fit_quietly(model, matrix, labels)
        logits = model.predict_log_proba(validation)
        key = (
            score(metric, validation_labels, np.argmax(logits, axis=1)),
            -cross_entropy(logits, validation_labels),
        )
        trials.append(
            Trial(
                setting=f"C={C:g}",
                train_rows=len(labels),
                validation_score=key[0],
                validation_loss=-key[1],
                converged=True,
                seconds=time.monotonic() - start,
            )
        )
        if best is None or key > best[0]:
            best = (key, C, (model.coef_.copy(), model.intercept_.copy()))
    progress("TF-IDF and logistic regression", len(recipe.C), len(recipe.C))
    if best is None:
        raise ValueError("the grid of C is empty")
    (validation_score, _), C, (model.coef_, model.intercept_) = best
    model.set_params(C=C)
    majority = np.bincount(labels).argmax()
    share = score(metric, np.array(data.test.labels), np.full(len(data.test), majority))
    return FittedBagOfWords(
        recipe=recipe.model_copy(update={"C": (C,)}),
        pipeline=make_pipeline(features, model),
        classes=data.classes,
        validation_score=validation_score,
        trials=tuple(trials),
        notes=(f"always answering {data.classes[majority]!r} scores {share:.3f}",),
    )
