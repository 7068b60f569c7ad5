"""Prompting: classification by label likelihood under a causal language model, with or without demonstrations.

A label's score is the sum of the log-probabilities of its tokens after the prompt, minus the same sum after a prompt
whose text says nothing ("N/A", "[MASK]" and the empty text, averaged): contextual calibration, Zhao et al. 2021,
*Calibrate before use* (arXiv:2102.09690), which ranks labels as PMI_DC of Holtzman et al. 2021 does (*Surface form
competition*, arXiv:2104.08315) and as Brown et al. 2020 did for some tasks (arXiv:2005.14165, section 2.4). The sum is
the label's probability, so that no length has to be divided by: what makes long or rare labels unlikely is there
without the text too, and falls out. lm-evaluation-harness's `acc` is `calibration="none"`; its `acc_norm` divides by
the label's bytes instead.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.data import Rows
from probes.deadline import Deadline
from probes.errors import DataError, MeasurementFailed, SettingError
from probes.features import Progress, load_tokenizer, no_progress, quiet_loading
from probes.likelihood import Encoded, LabelLikelihood
from probes.measurement import Trial
from probes.model import ModelFacts, read_model
from probes.recipe import Prompt
from probes.wording import PromptDocument, Writer, compose
from probes.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONTENT_FREE = ("N/A", "[MASK]", "")
"""Texts that say nothing, as in Zhao et al. 2021."""


def load_causal_lm(facts: ModelFacts, device: str) -> Any:
    """Load a causal language model from safetensors only: as stored on CUDA, in single precision elsewhere."""
    import torch
    from transformers import AutoModelForCausalLM

    if facts.kind != "causal":
        raise MeasurementFailed(f"{facts.name} is an encoder; prompting needs a causal language model")
    quiet_loading()
    stored = facts.dtype if facts.dtype in {"float32", "float16", "bfloat16"} else "bfloat16"
    model = AutoModelForCausalLM.from_pretrained(
        facts.path,
        dtype=getattr(torch, stored if device == "cuda" else "float32"),
        use_safetensors=True,
        trust_remote_code=facts.trust_remote_code,
    )
    return model.to(device).eval()


class FittedPrompt:
    """A prompted classifier; see `probes.fitted.Fitted` for what the members mean.

    Parameters
    ----------
    document : PromptDocument
    writer : Writer
    likelihood : LabelLikelihood
    remarks : tuple of str
        What was noticed while the prompt was made.
    """

    validation_score: float | None = None
    trials: tuple[Trial, ...] = ()
    converged = True
    why_not = ""

    def __init__(
        self, document: PromptDocument, writer: Writer, likelihood: LabelLikelihood, remarks: tuple[str, ...] = ()
    ) -> None:
        self.document = document
        self.tokens = likelihood.tokens
        self._writer = writer
        self._likelihood = likelihood
        self._remarks = remarks
        self._read = self._shortened = 0

    @property
    def recipe(self) -> Prompt:
        """The recipe; nothing in it is chosen on validation rows."""
        return self.document.recipe

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the columns of `probabilities`."""
        return self.document.classes

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should hear, about the prompt and about the rows read so far."""
        if not self._shortened:
            return self._remarks
        cut = (
            f"{self._shortened:,} of {self._read:,} texts were too long for {self._writer.limit} tokens "
            "with the prompt around them; their end was left out"
        )
        return (*self._remarks, cut)

    @property
    def shortened(self) -> int:
        """Texts read so far whose end was left out."""
        return self._shortened

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return class probabilities, shape (rows, classes)."""
        import numpy as np
        from scipy.special import softmax

        if not len(rows):
            return np.zeros((0, len(self.classes)), dtype=np.float32)
        if (rows.pairs is not None) != self.document.pairs:
            made, given = ("two texts", "one") if self.document.pairs else ("one text", "two")
            raise DataError(
                f"the rows hold {given} each, and this prompt was made for {made}", "Name the text columns."
            )
        encoded = []
        for text, pair in zip(rows.texts, rows.pairs or (None,) * len(rows), strict=True):
            self._likelihood.deadline.check()
            sequences, shortened = self._writer.fit(text, pair)
            encoded.append(sequences)
            self._shortened += shortened
        self._read += len(rows)
        scores = self._likelihood.scores(encoded)
        if self.document.content_free is not None:
            scores = scores - np.array(self.document.content_free)
        return np.asarray(softmax(scores, axis=1), dtype=np.float32)

    def save(self, folder: Path) -> str:
        """Write `prompt.json`; return how to use it. Weights are not copied: nothing changed them."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prompt.json").write_text(self.document.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return f"a prompt for {self.document.model_id}, whose weights are unchanged: `advisor predict folder rows`"


def fit_prompt(recipe: Prompt, bench: Workbench, train: Rows) -> FittedPrompt:
    """Make a prompt of the class names and, with `shots`, of training rows; nothing is trained.

    Parameters
    ----------
    recipe : Prompt
    bench : Workbench
    train : Rows
        Demonstrations come from here and from nowhere else.

    Returns
    -------
    FittedPrompt

    Raises
    ------
    OutOfTime
        At the workbench's deadline.
    MeasurementFailed
        If the model is no causal language model, the prompt does not fit, or memory runs out.
    """
    bench.deadline.check()
    document, remarks = compose(recipe, bench, train)
    writer = Writer(document, bench.tokenizer, bench.facts.context)
    likelihood = _likelihood(writer, bench.facts, bench.device, bench.deadline, bench.progress)
    if not likelihood.cached:
        remarks = (*remarks, "this architecture cannot continue from a cached prompt: each label reads it anew")
    if recipe.calibration == "content_free":
        document = document.model_copy(update={"content_free": calibration(likelihood.scores(content_free(writer)))})
    return FittedPrompt(document, writer, likelihood, remarks)


def _likelihood(
    writer: Writer, facts: ModelFacts, device: str, deadline: Deadline, progress: Progress
) -> LabelLikelihood:
    """Load the model and check how it may score."""
    likelihood = LabelLikelihood(
        load_causal_lm(facts, device),
        device=device,
        batch_size=writer.document.recipe.batch_size,
        deadline=deadline,
        progress=progress,
    )
    likelihood.check(content_free(writer)[:2])
    return likelihood


def content_free(writer: Writer) -> list[Encoded]:
    """Encode a writer's prompt around texts that say nothing."""
    return [writer.fit(text, text if writer.document.pairs else None)[0] for text in CONTENT_FREE]


def calibration(scores: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the logarithm of each label's probability, averaged over the content-free texts.

    Parameters
    ----------
    scores : array of float, shape (texts, labels)
        Log-likelihoods of the labels after each text that says nothing.
    """
    from scipy.special import log_softmax, logsumexp

    mean = logsumexp(log_softmax(scores, axis=1), axis=0) - math.log(len(scores))
    return tuple(float(v) for v in mean)


def load_prompt(
    folder: Path,
    *,
    device: str,
    facts: ModelFacts | None = None,
    deadline: Deadline | None = None,
    progress: Progress = no_progress,
    trust_remote_code: bool = False,
) -> FittedPrompt:
    """Rebuild the classifier that `FittedPrompt.save` wrote.

    Parameters
    ----------
    folder : Path
        Holds `prompt.json`.
    device : str
        Name of the torch device.
    facts : ModelFacts, optional
        The model; without it, the one that the document names is looked up.
    deadline : Deadline, optional
    progress : callable
    trust_remote_code : bool
        Whether code in the model's folder may run.

    Raises
    ------
    SettingError
        If `prompt.json` is missing or not what we write.
    ModelError
        If the model is gone.
    """
    from pydantic import ValidationError

    file = folder / "prompt.json"
    try:
        document = PromptDocument.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise SettingError(
            f"{file} holds no prompt ({error})", "Give the folder that `advisor train` wrote for a prompting recipe."
        ) from None
    if facts is None:
        facts = read_model(document.model_id, revision=document.revision, trust_remote_code=trust_remote_code)
    writer = Writer(document, load_tokenizer(facts), facts.context)
    return FittedPrompt(document, writer, _likelihood(writer, facts, device, deadline or Deadline(None), progress))
