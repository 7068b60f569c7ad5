"""Prompting: scores against a plain computation, token boundaries, demonstrations, truncation, calibration, saving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from probes.deadline import Deadline
from probes.errors import MeasurementFailed, OutOfTime, SettingError
from probes.likelihood import Encoded, LabelEncoder, LabelLikelihood
from probes.model import ModelFacts
from probes.prompting import CONTENT_FREE, fit_prompt, load_causal_lm, load_prompt
from probes.wording import Writer, compose, label_words
from tests.probes.prompting_bench import (
    CLASSES,
    TEXTS,
    bench,
    recipe,
    reference,
    rows,
    save_causal_lm,
    tokenizer,
)


@pytest.mark.parametrize("shots", [0, 4])
def test_probabilities_are_those_of_a_plain_computation(facts: ModelFacts, shots: int) -> None:
    work = bench(facts)
    fitted = fit_prompt(recipe(shots=shots, calibration="none"), work, rows())
    plain = reference(fitted, facts, work.tokenizer, rows().texts, "\n\n")
    assert len(fitted.document.demonstrations) == shots
    assert fitted.notes == ()
    got = np.log(fitted.probabilities(rows()))
    np.testing.assert_allclose(got, log_softmax(plain, axis=1), atol=1e-4)


def test_calibration_divides_by_the_probability_without_content(facts: ModelFacts) -> None:
    work = bench(facts)
    fitted = fit_prompt(recipe(shots=3), work, rows())
    plain = reference(fitted, facts, work.tokenizer, (*rows().texts, *CONTENT_FREE), "\n\n")
    probabilities = softmax(plain, axis=1)
    expected = probabilities[:-3] / probabilities[-3:].mean(axis=0)
    got = fitted.probabilities(rows())
    np.testing.assert_allclose(got, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-5)
    assert got.shape == (9, 3)
    assert got.dtype == np.float32


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batches_and_chunks_change_nothing(facts: ModelFacts, batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    work = bench(facts)
    one = fit_prompt(recipe(shots=2), work, rows()).probabilities(rows())
    monkeypatch.setattr("probes.likelihood.CACHED_TOKENS", 300)
    many = fit_prompt(recipe(shots=2, batch_size=batch_size), work, rows()).probabilities(rows())
    np.testing.assert_allclose(one, many, atol=1e-5)


def test_each_row_alone_scores_as_among_others(facts: ModelFacts) -> None:
    fitted = fit_prompt(recipe(shots=2), bench(facts), rows())
    alone = np.concatenate([fitted.probabilities(rows().take([i])) for i in range(9)])
    np.testing.assert_allclose(alone, fitted.probabilities(rows()), atol=1e-5)


def test_an_architecture_without_a_usable_cache_is_read_plainly(
    llama: ModelFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    rightly = fit_prompt(recipe(), bench(llama), rows()).probabilities(rows())
    monkeypatch.setattr("probes.likelihood._copies", lambda cache, rows: None)  # forgets what was read
    fitted = fit_prompt(recipe(), bench(llama), rows())
    assert any("cached prompt" in note for note in fitted.notes)
    np.testing.assert_allclose(fitted.probabilities(rows()), rightly, atol=1e-5)


class Merging:
    """A tokenizer of characters that makes one token of ': c' and of a line end before a digit."""

    bos_token_id, eos_token_id = 1, 2

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [1, *(ord(c) for c in text.replace(": c", "§").replace("\n0", "¶"))]}


def test_a_boundary_that_merges_for_one_label_only_is_kept_as_it_is() -> None:
    encode = LabelEncoder(Merging(), (" cat", " dog"), special_tokens=True)
    encoded = encode("Label:")
    assert encoded.head == (1, *map(ord, "Label"))
    assert encoded.tails == (tuple(map(ord, "§at")), tuple(map(ord, ": dog")))


def test_labels_tokenised_once_are_checked_on_each_prompt() -> None:
    encode = LabelEncoder(Merging(), ("0", "1"), special_tokens=True, local=True)
    for prompt in ("a:", "b:", "c\n", "d:"):
        assert [(*encode(prompt).head, *t) for t in encode(prompt).tails] == [
            tuple(Merging()(prompt + label)["input_ids"]) for label in "01"
        ]


@pytest.mark.parametrize("shots", [0, 3])
def test_local_and_joint_tokenisation_agree(facts: ModelFacts, shots: int) -> None:
    work = bench(facts)
    document, _ = compose(recipe(shots=shots), work, rows())
    writer = Writer(document, work.tokenizer, 256)
    for text in (*TEXTS, "", " ", "card", "Label:", "\n\n", "0 ü 中 🙂"):
        prompt = writer.write(text, None)
        joint, local = writer.encode.joint(prompt), writer.encode(prompt)
        assert [(*local.head, *t) for t in local.tails] == [(*joint.head, *t) for t in joint.tails]


def test_a_label_that_begins_another_gets_an_end(facts: ModelFacts) -> None:
    work = bench(facts)
    document, _ = compose(recipe(), work, rows())
    encoded = Writer(document, work.tokenizer, 256).encode(f"{document.instruction}\n\nText: a\nLabel:")
    for a in encoded.tails:
        assert not any(a is not b and b[: len(a)] == a for b in encoded.tails)


def test_an_end_is_asked_for_only_where_needed(llama: ModelFacts) -> None:
    work = bench(llama, classes=("card", "cash", "top up"))
    fitted = fit_prompt(recipe(calibration="none"), work, rows())
    plain = reference(fitted, llama, work.tokenizer, rows().texts, "")
    np.testing.assert_allclose(np.log(fitted.probabilities(rows())), log_softmax(plain, axis=1), atol=1e-4)


def test_without_any_token_that_ends_it_such_a_label_is_refused(tmp_path: Path) -> None:
    model = save_causal_lm(tmp_path, "llama", tokenizer("words", eos=False))
    with pytest.raises(MeasurementFailed, match="begins another"):
        fit_prompt(recipe(), bench(model), rows())


def test_labels_that_the_tokenizer_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    model = save_causal_lm(tmp_path, "llama", tokenizer("words"))
    with pytest.raises(MeasurementFailed, match="same tokens"):
        fit_prompt(recipe(), bench(model, classes=("zyx", "xyz", "yzx")), rows())


def test_how_classes_are_numbered_changes_no_prediction(facts: ModelFacts) -> None:
    order = [2, 0, 1]
    renumbered = tuple(CLASSES[i] for i in order)
    again = rows().model_copy(update={"labels": tuple(order.index(label) for label in rows().labels)})
    one = fit_prompt(recipe(shots=5), bench(facts), rows())
    two = fit_prompt(recipe(shots=5), bench(facts, classes=renumbered, train=again), again)
    assert [d.number for d in one.document.demonstrations] == [d.number for d in two.document.demonstrations]
    np.testing.assert_allclose(one.probabilities(rows())[:, order], two.probabilities(rows()), atol=1e-6)


def test_saved_and_loaded_it_gives_the_same_probabilities(facts: ModelFacts, tmp_path: Path) -> None:
    fitted = fit_prompt(recipe(shots=3), bench(facts), rows())
    how = fitted.save(tmp_path / "out")
    assert "advisor predict" in how
    loaded = load_prompt(tmp_path / "out", device="cpu")
    assert loaded.document == fitted.document
    assert loaded.classes == CLASSES
    np.testing.assert_array_equal(loaded.probabilities(rows()), fitted.probabilities(rows()))
    names = {"model_id", "revision", "recipe", "demonstrations", "words", "content_free"}
    assert names <= set(json.loads((tmp_path / "out" / "prompt.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("content", [None, "{", '{"format": "another"}'])
def test_a_folder_without_a_prompt_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "prompt.json").write_text(content, encoding="utf-8")
    with pytest.raises(SettingError, match=r"prompt\.json holds no prompt"):
        load_prompt(tmp_path, device="cpu")


def test_the_deadline_holds_in_fitting_and_in_scoring(llama: ModelFacts) -> None:
    with pytest.raises(OutOfTime):
        fit_prompt(recipe(), bench(llama, deadline=Deadline(0)), rows())
    work = bench(llama, deadline=Deadline(600))
    fitted = fit_prompt(recipe(), work, rows())
    work.deadline.__init__(0)  # type: ignore[misc]
    with pytest.raises(OutOfTime):
        fitted.probabilities(rows())
    model = load_causal_lm(llama, "cpu")
    with pytest.raises(OutOfTime):
        LabelLikelihood(model, device="cpu", batch_size=1, deadline=Deadline(0)).scores([Encoded((1,), ((2,), (3,)))])


def test_progress_reaches_its_end_and_tokens_are_counted(llama: ModelFacts) -> None:
    calls: list[tuple[str, int, int]] = []
    fitted = fit_prompt(recipe(shots=2), bench(llama, progress=lambda *call: calls.append(call)), rows())
    assert fitted.tokens > 0
    calls.clear()
    fitted.probabilities(rows())
    assert calls[-1][1:] == (9, 9)
    assert [c[1] for c in calls] == sorted(c[1] for c in calls)


def test_the_prompt_is_read_once_and_not_once_a_label(llama: ModelFacts) -> None:
    classes = tuple(f"card_{i}" for i in range(77))
    fitted = fit_prompt(recipe(), bench(llama, classes=classes), rows())
    encoded = [fitted._writer.fit(text, None)[0] for text in TEXTS]
    before = fitted._likelihood.tokens
    fitted._likelihood.scores(encoded)
    tails = sum(max(len(t) for t in e.tails) - 1 for e in encoded) * 77
    heads = sum(len(e.head) for e in encoded)
    assert fitted._likelihood.tokens - before <= heads + tails
    assert fitted._likelihood.cached


def test_an_encoder_is_refused(llama: ModelFacts) -> None:
    with pytest.raises(MeasurementFailed, match="is an encoder"):
        fit_prompt(recipe(), bench(llama.model_copy(update={"kind": "encoder"})), rows())


def test_nothing_is_chosen_on_validation_rows(llama: ModelFacts) -> None:
    fitted = fit_prompt(recipe(), bench(llama), rows())
    assert fitted.validation_score is None
    assert fitted.trials == ()
    assert fitted.converged
    assert fitted.recipe == recipe()
    assert fitted.probabilities(rows(0)).shape == (0, 3)


def test_label_words_stay_apart() -> None:
    assert label_words(["a-b", "a_b", "x__y", "-1", "1", "_", "é_ü"]) == ("a-b", "a_b", "x y", "-1", "1", "_", "é ü")
    assert label_words(["Card_Arrival", "card arrival"]) == ("Card Arrival", "card arrival")
