"""The live table: what each cell says after which events, and that it fits the terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from advisor.events import Dropped, Event, Failed, Measured, Planned, Progressed, Said, Started, Tried
from advisor.report.board import Board
from advisor.report.board_page import BoardPage
from probes.measurement import Trial
from strategies import Candidate
from tests.advisor.made_events import BASELINE, FOUR, FULL, LORA, PROBE, SIZES, measured, planned


def after(events: Iterable[Event]) -> Board:
    """Tell a board events, one a second from 0 on."""
    board = Board()
    for second, event in enumerate(events):
        board = board.after(event, float(second))
    return board


def page(*events: Event, now: float = 100.0, width: int = 120, height: int = 40, over: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, height=height)
    console.print(BoardPage(after(events), now, over=over))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def line(text: str, name: str) -> str:
    """Return the row of a candidate."""
    (found,) = [row for row in text.splitlines() if row.startswith(f"{name}  ")]
    return found


def started(who: Candidate, rows: int, *, seed: int = 0, seconds: float = 40.0, again: int = 0) -> Started:
    return Started(candidate=who, rows=rows, seed=seed, why="rung 1 of 3", seconds=seconds, again=again)


def progressed(who: Candidate, done: int, total: int = 100) -> Progressed:
    return Progressed(candidate=who, what="tuning", done=done, total=total)


def test_candidates_stand_by_rungs_lightest_first() -> None:
    shown = page(planned(), measured(LORA, 1_112, 0.8))
    rows = shown.splitlines()
    (header,) = [k for k, row in enumerate(rows) if row.startswith("training rows")]
    assert rows[header].split()[2:] == ["1,112", "3,334", "10,000"]
    assert [row.split()[0] for row in rows[header + 1 : header + 5]] == ["baseline", "linear_probe", "lora", "full"]
    assert "Validation scores" in rows[0]
    assert "Test rows are scored for the verdicts" in rows[0]
    assert ".111" not in shown, "no score on test rows"


def test_a_cell_has_the_score_and_half_its_interval() -> None:
    # Wilson's interval of 400 right in 500 is [.763, .833].
    assert ".800 ±.035" in line(page(planned(), measured(LORA, 1_112, 0.8)), "lora")
    # Of 2,000 rows it is half as wide.
    assert ".800 ±.018" in line(page(planned(), measured(LORA, 1_112, 0.8, validation_rows=2_000)), "lora")
    assert "1.00 ±.004" in line(page(planned(), measured(LORA, 1_112, 1.0)), "lora")


def test_several_seeds_are_averaged_and_counted() -> None:
    seeds = [measured(LORA, 10_000, score, seed=seed) for seed, score in enumerate((0.7, 0.8, 0.9))]
    assert ".800 ±.035 ×3" in line(page(planned(), *seeds), "lora")


@pytest.mark.parametrize("how", [{"metric": "macro_f1"}, {"validation_rows": 0}])
def test_where_no_interval_is_known_none_is_shown(how: dict[str, object]) -> None:
    row = line(page(planned(), measured(LORA, 1_112, 0.8, **how)), "lora")  # type: ignore[arg-type]
    assert ".800" in row
    assert "±" not in row


def test_the_best_of_a_rung_is_marked() -> None:
    first = measured(LORA, 1_112, 0.8)
    assert "*" not in line(page(planned(), first), "lora"), "it has met nobody there"
    shown = page(planned(), first, measured(FULL, 1_112, 0.9), measured(BASELINE, 10_000, 0.95))
    assert "*.900" in line(shown, "full")
    assert "*" not in line(shown, "lora") + line(shown, "baseline")


def test_rows_between_two_rungs_stand_below_the_upper_one_and_compete_with_nobody() -> None:
    shown = page(planned(), measured(LORA, 3_334, 0.8), measured(FULL, 2_600, 0.9))
    row = line(shown, "full")
    assert ".900±.03 @2.6k" in row
    assert row.index("@") > shown.splitlines()[1].index("3,334")
    assert "*" not in row
    # What is measured on the rung itself takes the place.
    assert "@" not in line(page(planned(), measured(FULL, 2_600, 0.9), measured(FULL, 3_334, 0.91)), "full")


def test_what_runs_is_told_with_how_far_it_is_and_why() -> None:
    shown = page(planned(), started(LORA, 1_112), progressed(LORA, 42), now=13.0)
    assert "42 % 12s/40s" in line(shown, "lora")
    assert "tuning" in line(shown, "lora")
    assert "▸ lora · minilm, 1,112 rows, seed 0, 0:12 of about 0:40: rung 1 of 3" in shown
    done = page(planned(), started(LORA, 1_112), progressed(LORA, 42), measured(LORA, 1_112, 0.8), now=13.0)
    assert "▸" not in done
    assert "tuning" not in done


def test_a_seed_that_runs_stands_beside_those_that_are_done() -> None:
    shown = page(planned(), measured(LORA, 10_000, 0.8), started(LORA, 10_000, seed=1), progressed(LORA, 5))
    assert ".800±.04 +5 %" in line(shown, "lora")


def test_of_two_seeds_at_once_it_is_not_known_whose_progress_it_is() -> None:
    both = [planned(workers=2), started(LORA, 10_000, seed=1), started(LORA, 10_000, seed=2), progressed(LORA, 42)]
    shown = page(*both, now=11.0)
    assert "%" not in line(shown, "lora")
    assert "10s/40s" in line(shown, "lora")
    assert "2 of 2 at work" in shown
    assert shown.count("▸") == 2
    one = page(*both, measured(LORA, 10_000, 0.8, seed=1), now=11.0)
    assert one.count("▸") == 1
    assert "+42 %" in line(one, "lora")


def test_a_worker_that_was_lost_is_told() -> None:
    shown = page(planned(), started(LORA, 1_112), started(LORA, 1_112, again=1))
    assert shown.count("▸") == 1
    assert "again after a worker was lost (1)" in shown


def test_why_a_candidate_gets_no_further() -> None:
    shown = page(
        planned(),
        Dropped(candidate=PROBE, reason="it lies 3 points behind"),
        started(LORA, 1_112),
        Failed(candidate=LORA, rows=1_112, seed=0, reason="no memory was left"),
        Failed(candidate=FULL, rows=1_112, seed=0, reason="the budget is spent", out_of_time=True),
        width=140,
    )
    assert "dropped: it lies 3 points behind" in line(shown, "linear_probe")
    assert "failed: no memory was left" in line(shown, "lora")
    assert "no time: the budget is spent" in line(shown, "full")
    assert "▸" not in shown
    assert shown.splitlines()[-1].startswith("full on minilm, 1,112 rows, seed 0: no time"), "the last of them in full"
    narrow = page(planned(), Dropped(candidate=PROBE, reason="it lies 3 points behind"), width=80)
    assert line(narrow, "linear_probe").split() == ["linear_probe", "dropped"]


def test_who_is_out_is_dim() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard", no_color=True)
    console.print(BoardPage(after([planned(), Dropped(candidate=PROBE, reason="it lies behind")]), 1.0))
    assert isinstance(console.file, io.StringIO)
    rows = console.file.getvalue().splitlines()
    dim = [row for row in rows if row.startswith("\x1b[2m")]
    assert len(dim) == 1
    assert "linear_probe" in dim[0]


def test_a_setting_that_was_tried_is_told() -> None:
    trial = Trial(
        setting="learning_rate=2e-05",
        train_rows=1_000,
        validation_score=0.84,
        validation_loss=1.0,
        converged=True,
        seconds=12.0,
    )
    shown = page(planned(), started(LORA, 1_112), Tried(candidate=LORA, seed=0, trial=trial))
    assert shown.splitlines()[-1].startswith("lora on minilm, 1,000 rows, seed 0: tried learning_rate=2e-05: .840")


@pytest.mark.parametrize(("now", "says"), [(0.0, "10:00 left"), (30.5, "9:29 left"), (601.0, "0:00 left")])
def test_time_counts_down_by_itself(now: float, says: str) -> None:
    assert says in page(planned(remaining=600.0), now=now)


def test_time_without_a_limit() -> None:
    assert "no limit of time" in page(planned(remaining=float("inf")))
    assert "1:23:20 left" in page(planned(remaining=5_000.0), now=0.0)


def test_where_nothing_runs_the_last_sentence_stands() -> None:
    shown = page(planned(), Said("comparing"), now=8.0)
    assert "comparing, 0:07" in shown
    assert "comparing" not in page(planned(), Said("comparing"), started(LORA, 1_112), now=8.0)


def test_what_was_found_in_the_run_folder_counts_also_before_the_plan() -> None:
    assert ".800" in line(page(measured(LORA, 1_112, 0.8, found=True), planned()), "lora")


def test_a_race_that_ended_early_shows_what_came_out() -> None:
    shown = page(planned(), measured(PROBE, 10_000, 0.8), started(LORA, 1_112), progressed(LORA, 42), over=True)
    assert ".800 ±.035" in line(shown, "linear_probe")
    for gone in ("▸", "left", "%", "tuning"):
        assert gone not in shown.partition("training rows")[2]


MANY = tuple(Candidate(strategy=s, model=f"org/model-{k}") for s in ("lora", "dora", "ia3", "full") for k in range(5))


def test_twenty_candidates_fit_24_lines_with_those_that_run() -> None:
    running = [started(who, 1_112) for who in MANY[-6:]]
    dropped = [Dropped(candidate=who, reason="it lies behind") for who in MANY[:4]]
    shown = page(planned(MANY, workers=6), *dropped, *running, width=80, height=24)
    assert len(shown.splitlines()) <= 23, "one stays for the cursor"
    for who in MANY[-6:]:
        assert f"{who.strategy} · {who.model.rpartition('/')[2]}" in shown  # type: ignore[union-attr]
    assert "… 7 more, of them 4 dropped" in shown
    assert "▸ … 3 more" in shown
    tall = page(planned(MANY), width=80, height=40)
    assert "more" not in tall
    assert sum("· model-" in row for row in tall.splitlines()) == 20
    over = page(planned(MANY), width=80, height=24, over=True)
    assert sum("· model-" in row for row in over.splitlines()) == 20, "what stays may scroll away"


def test_where_columns_are_few_the_rung_at_which_something_runs_stays() -> None:
    sizes = tuple(412 * 3**k for k in range(7))
    shown = page(planned(sizes=sizes), started(LORA, 412), width=60)
    header = shown.splitlines()[2].split()
    assert header[2] == "412"
    assert header[-1] == f"{sizes[-1]:,}"
    assert "rungs not shown" in shown
    assert "not shown" not in page(planned(sizes=sizes), width=160)


def test_long_names_keep_their_beginning_and_their_end() -> None:
    who = tuple(Candidate(strategy="lora", model=f"org/a-model-with-a-name-that-is-long-{k}") for k in "ab")
    shown = page(planned(who), width=60)
    for k in "ab":
        assert sum(row.startswith("lora") and f"-{k} " in row for row in shown.splitlines()) == 1


def test_one_model_is_not_repeated_in_each_row() -> None:
    assert "minilm" not in page(planned())
    assert "lora · minilm" in page(planned((LORA, Candidate(strategy="lora", model="other"))))


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("models", [("a/model", "b/model"), ("runs/left/checkpoint-500", "runs/right/checkpoint-500")])
def test_models_of_one_name_are_told_apart(models: tuple[str, ...], width: int) -> None:
    who = tuple(Candidate(strategy="linear_probe", model=model) for model in models)
    begun = [started(one, 1_112) for one in who]
    lines = page(planned(who, workers=2), *begun, width=width).splitlines()
    for beginning in ("lin", "▸ lin"):
        names = [re.split(r"  |, ", line)[0] for line in lines if line.startswith(beginning)]
        assert len(set(names)) == len(models), names


NASTY = ["[bold]x[/]", "[/oops]", "[red", ":smile:", "\\[a]", "%s {0}", "[@click=quit]q[/]"]


@pytest.mark.parametrize("text", NASTY)
def test_text_is_literal(text: str) -> None:
    who = Candidate(strategy="lora", model=text)
    events = (
        planned((who, FULL)),
        Dropped(candidate=FULL, reason=f"because {text}"),
        Started(candidate=who, rows=1_112, seed=0, why=f"why {text}", seconds=1.0),
        Progressed(candidate=who, what=f"what {text}", done=1, total=2),
    )
    shown = page(*events, width=200)
    name = text.rpartition("/")[2]
    for part in (f"lora · {name}", f"because {text}", f"why {text}", f"what {text}"):
        assert part in shown
    assert "▸" not in page(planned((who,)), Said(text))


def test_what_moves_a_cursor_is_shown_as_an_escape() -> None:
    text = "a\x1b[2Jb\nc\rd\x07"
    who = Candidate(strategy="lora", model=text)
    shown = page(planned((who, FULL)), Failed(candidate=who, rows=1_112, seed=0, reason=text), width=200)
    assert "a\\x1b[2Jb\\nc\\rd\\x07" in shown
    assert not set("\x1b\r\x07") & set(shown)


candidates = st.sampled_from([*FOUR, Candidate(strategy="ia3", model="模型" * 20), Candidate(strategy="x" * 50)])
rows = st.sampled_from([1, 700, *SIZES, 1_000_000])
seeds = st.integers(0, 3)
texts = st.text(max_size=300)
events = st.one_of(
    st.builds(Said, texts),
    st.builds(
        Planned,
        st.lists(candidates, min_size=1, unique=True).map(tuple),
        st.lists(rows, min_size=1, unique=True).map(lambda sizes: tuple(sorted(sizes))),
        seeds,
        st.floats(0, float("inf")),
        st.integers(1, 8),
    ),
    st.builds(Started, candidates, rows, seeds, texts, st.floats(0, 1e6), seeds),
    st.builds(Progressed, candidates, texts, st.integers(0, 10**6), st.integers(0, 10**6)),
    st.builds(measured, candidates, rows, st.floats(0, 1), seed=seeds, validation_rows=st.sampled_from([0, 9, 400])),
    st.builds(Dropped, candidates, texts),
    st.builds(Failed, candidates, rows, seeds, texts, st.booleans()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=25), st.integers(30, 200), st.integers(14, 50))
def test_whatever_happens_fits_the_terminal(happened: list[Event], width: int, height: int) -> None:
    shown = page(planned(), *happened, width=width, height=height)
    assert max(map(cell_len, shown.splitlines())) <= width
    assert len(shown.splitlines()) < height
    who = {Candidate(strategy=e.measurement.strategy) for e in happened if isinstance(e, Measured)}
    assert all(one.strategy[:4] in shown or "more" in shown for one in who)
