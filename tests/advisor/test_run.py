"""The run folder: what is written stays, what is broken is named, one process writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.choices import FILE as CHOICES
from advisor.choices import Choices
from advisor.run import LEDGER, Judged, Recorded, Run, default_folder
from probes.errors import SettingError
from probes.hardware import Hardware
from probes.measurement import Measurement, Trial
from probes.model import ModelFacts
from probes.recipe import BagOfWords
from strategies import Candidate


def measurement(strategy: str = "baseline", seed: int = 0) -> Measurement:
    return Measurement(
        strategy=strategy,
        model=None,
        recipe=BagOfWords(),
        train_rows=10,
        seed=seed,
        metric="accuracy",
        score=0.5,
        validation_score=None,
        predictions=(0, 1),
        seconds=1.0,
        peak_bytes=1,
        tokens=0,
    )


def recorded(run: Run) -> list[Measurement]:
    return [entry.measurement for entry in run.history() if isinstance(entry, Recorded)]


def trial(setting: str, rows: int = 10) -> Trial:
    return Trial(
        setting=setting, train_rows=rows, validation_score=0.5, validation_loss=0.7, converged=True, seconds=1.0
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run.create(tmp_path / "a" / "run")
    made.write("request.json", {})
    return made


def test_what_is_recorded_is_read_back_in_order(run: Run) -> None:
    assert recorded(run) == []
    for seed in range(3):
        run.record(measurement(seed=seed))
    assert recorded(Run.open(run.folder)) == [measurement(seed=seed) for seed in range(3)]


def test_judgements_stand_between_the_measurements_they_rest_on(run: Run) -> None:
    run.record(measurement(seed=0), (0, 500))
    dropped = {Candidate(strategy="lora", model="m"): "it lies behind", Candidate(strategy="baseline"): "so does it"}
    run.record_judgement(dropped)
    run.record(measurement(seed=1))
    assert run.history() == [
        Recorded(measurement(seed=0), (0, 500)),
        Judged(dropped),
        Recorded(measurement(seed=1), None),
    ]


def test_trials_are_kept_by_candidate_seed_and_rows(run: Run) -> None:
    run.record_trial("lora", "m", 0, trial("learning_rate=0.0002"))
    run.record_trial("lora", "m", 0, trial("learning_rate=0.0005", rows=20))
    run.record_trial("lora", "m", 1, trial("learning_rate=0.001"))
    run.record_trial("full", "m", 0, trial("learning_rate=2e-05"))
    assert run.trials("lora", "m", 0, 10) == {"learning_rate=0.0002": trial("learning_rate=0.0002")}
    assert run.trials("lora", "other", 0, 10) == {}


@pytest.mark.parametrize("end", [b'{"kind": "meas', b"{", b'{"kind": "trial"}', "ä".encode()[:1]])
def test_a_line_that_a_kill_cut_short_is_dropped(end: bytes, run: Run) -> None:
    run.record(measurement(seed=0))
    file = run.folder / LEDGER
    whole = file.read_bytes()
    file.write_bytes(whole + end)
    assert recorded(run) == [measurement(seed=0)]
    run.record(measurement(seed=1))
    assert recorded(run) == [measurement(seed=0), measurement(seed=1)]
    assert file.read_bytes().startswith(whole)


@pytest.mark.parametrize(
    "line",
    ["{oops", "[]", "null", '{"kind": "measurement"}', '{"kind": "measurement", "measurement": {"strategy": 1}}'],
)
def test_a_broken_line_is_named(line: str, run: Run) -> None:
    (run.folder / LEDGER).write_text(line + "\n", encoding="utf-8")
    with pytest.raises(SettingError, match=LEDGER):
        run.history()


def test_lines_of_later_versions_are_passed_over(run: Run) -> None:
    (run.folder / LEDGER).write_text('{"kind": "curve", "points": []}\n', encoding="utf-8")
    run.record(measurement())
    assert recorded(run) == [measurement()]
    assert run.trials("baseline", None, 0, 10) == {}


def test_documents_are_read_back(run: Run) -> None:
    run.write("brief.json", {"a": ["ü", None, 1.5]})
    assert run.has("brief.json")
    assert run.read("brief.json") == {"a": ["ü", None, 1.5]}
    assert [f.name for f in run.folder.iterdir() if f.name.endswith(".tmp")] == []


def test_a_missing_document_says_how_to_finish(run: Run) -> None:
    with pytest.raises(SettingError, match="--resume --run"):
        run.read("result.json")


def test_no_invented_numbers(run: Run) -> None:
    with pytest.raises(ValueError, match="JSON"):
        run.write("brief.json", {"score": float("nan")})
    assert not run.has("brief.json")


def test_a_folder_is_taken_once(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="holds a run already"):
        Run.create(run.folder)
    assert Run.create(tmp_path / "new").folder.is_dir()
    (tmp_path / "empty").mkdir()
    assert Run.create(tmp_path / "empty").folder.is_dir()


def test_opening_no_run_names_the_runs_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Run.create(Path("advisor-runs/mine")).write("request.json", {})
    with pytest.raises(SettingError, match=r"advisor-runs.mine"):
        Run.open(Path("typo"))


def test_one_process_writes_at_a_time(run: Run) -> None:
    lock = run.lock()
    with pytest.raises(SettingError, match="another process"):
        Run.open(run.folder).lock()
    lock.release()
    run.lock().release()


def test_of_two_that_begin_at_once_one_has_the_folder(tmp_path: Path) -> None:
    first, second = Run.create(tmp_path / "run"), Run.create(tmp_path / "run")
    first.begin({"asked": 1})
    with pytest.raises(SettingError, match="another process"):
        second.begin({"asked": 2})
    first.lock().release()
    with pytest.raises(SettingError, match="holds a run already"):
        second.begin({"asked": 2})
    assert first.read("request.json") == {"asked": 1}
    first.lock().release()


def test_what_a_kill_left_half_written_is_in_nobodys_way(run: Run, tmp_path: Path) -> None:
    """Killed before the request was there, it is no run yet; killed later, the rest goes with the next lock."""
    early = tmp_path / "early"
    early.mkdir()
    for name in (".lock", ".request.json.x1.part"):
        (early / name).write_text("{", encoding="utf-8")
    begun = Run.create(early)
    begun.begin({"asked": 1})
    assert {file.name for file in early.iterdir()} <= {".lock", "request.json"}
    begun.lock().release()
    (run.folder / ".verdicts.json.x2.part").write_text("[", encoding="utf-8")
    run.lock().release()
    assert not [file for file in run.folder.iterdir() if file.name.endswith(".part")]


@pytest.mark.parametrize(
    ("source", "start"),
    [("a/my rows.jsonl.gz", "my-rows-"), ("owner/data", "data-"), ("...", "rows-"), ("ümläut.csv", "ümläut-")],
)
def test_the_default_folder_is_named_after_the_rows_and_free(
    source: str, start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = default_folder(source)
    assert first.parent == Path("advisor-runs")
    assert first.name.startswith(start)
    first.mkdir(parents=True)
    assert default_folder(source) != first


def test_choices_are_kept_in_the_run_and_damage_is_named(run: Run, encoder: ModelFacts, hardware: Hardware) -> None:
    model = encoder.model_copy(update={"name": "m", "model_id": "of-this-test-alone"})
    choices = Choices(run, hardware)
    assert choices.recall(model) is None
    choices.keep(model, 3, "bf16")
    assert Choices(Run.open(run.folder), hardware).recall(model) == (3, "bf16")
    kept = run.read(CHOICES)
    run.write(CHOICES, {key: {"threads": "many"} for key in kept})
    with pytest.raises(SettingError, match=CHOICES):
        choices.recall(model)
