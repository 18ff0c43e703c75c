"""The benchmarks themselves: counting, reading of screens, and that unknown is never zero. No timing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import bars
from benchmarks.__main__ import CHOICES, main, parse, scale_of
from benchmarks.bench import FULL, QUICK
from benchmarks.benches.echo import Key as TypedKey
from benchmarks.benches.echo import look_up
from benchmarks.benches.growth import cpu_at
from benchmarks.content import NATURAL, SHAPES, answer, length_of
from benchmarks.eye import Eye
from benchmarks.figures import OURS, Figures, Key, quantile, shown
from benchmarks.plan import Plan, read_plan
from benchmarks.processes import rss_mb
from benchmarks.queries import Answerer
from benchmarks.screen import Screen
from benchmarks.seeding import Seed, frames
from benchmarks.serving import paced_service
from benchmarks.targets import environment, python
from benchmarks.terminal import Chunk, Terminal, terminal
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import TurnRequest, TurnStatus


# -- content and plans -----------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tokens", [2, 500, 5_000])
def test_an_answer_has_exactly_its_tokens_and_ends_with_its_mark(shape: str, tokens: int) -> None:
    pieces = answer(shape, tokens, "MARK")
    text = "".join(pieces)
    assert len(pieces) == tokens
    assert all(pieces)
    assert text.count("MARK") == 1
    assert text.endswith("\n\nMARK\n")
    assert text.count("\n```") + text.startswith("```") == 2 * text.count("```") // 2
    assert text.count("```") % 2 == 0


def test_answers_are_the_same_each_time_and_tokens_are_as_long_as_real_ones() -> None:
    tokens = answer("prose", 5_000, "MARK")
    assert tokens == answer("prose", 5_000, "MARK")
    assert 3.4 <= len("".join(tokens)) / len(tokens) <= 4.0


def test_long_shapes_have_the_structure_of_their_name() -> None:
    starts = {"list": ("- ", "  - "), "table": ("| ",), "fence": ("",)}
    for shape, count in NATURAL.items():
        lines = "".join(answer(shape, length_of(shape, count), "MARK")).split("\n")
        assert sum(line.startswith(starts[shape]) for line in lines) >= count


def test_a_plan_is_read_from_its_prompt_which_lacks_the_mark() -> None:
    plan = Plan("table", 123, 50)
    assert read_plan(plan.prompt) == plan
    assert plan.mark not in plan.prompt
    assert plan.key != Plan("table", 123, 50).key
    with pytest.raises(ValueError, match="tell me a joke"):
        read_plan("please tell me a joke")


# -- the screen ------------------------------------------------------------------------
def test_next_line_goes_to_the_start_and_a_cursor_above_the_region_moves_freely() -> None:
    screen = Screen(10, 5)
    screen.feed(b"ab\x1bEc\x1b[4;5r\x1b[2;3H\x1b[Ad\x1bMe")
    assert screen.text == "abde\nc\n\n\n"


def test_a_saved_cursor_position_can_be_restored_repeatedly() -> None:
    screen = Screen(10, 3)
    screen.feed(b"ab\x1b7\r\ncd\x1b8e\x1b8f")
    assert screen.text == "abf\ncd\n"


def test_the_terminals_own_scroll_moves_the_region_only() -> None:
    screen = Screen(10, 5)
    screen.feed(b"a\r\nb\r\nc\r\nd\r\ne\x1b[2;4r\x1b[S")
    assert screen.text == "a\nc\nd\n\ne"
    screen.feed(b"\x1b[2T")
    assert screen.text == "a\n\n\nc\ne"


def test_marked_private_sequences_and_cut_ones_leave_no_letters() -> None:
    screen = Screen()
    for byte in b"\x1b[>1u\x1b[<u\x1b[=5u\x1b[?2004h\x1b[>4;1m\x1bP>|name\x1b\\\x1b[?2026$p ok \xe2\x94\x82":
        screen.feed(bytes([byte]))
    assert screen.text.strip() == "ok │"


# -- queries ---------------------------------------------------------------------------
def test_queries_are_answered_once_even_when_split() -> None:
    query = b"text\x1b[c more \x1b[?2026$p\x1b[?2048$p\x1b]11;?\x07\x1b[6n\x1b[1;31mred\x1b[?25h"
    answers = list(Answerer().answers(query))
    answerer = Answerer()
    bytewise = [answer for byte in query for answer in answerer.answers(bytes([byte]))]
    assert answers == bytewise
    assert answers[:3] == [b"\x1b[?62;22c", b"\x1b[?2026;2$y", b"\x1b[?2048;0$y"]
    assert len(answers) == 5


# -- eyes, keys and CPU ------------------------------------------------------------------
class Kept(Terminal):
    """A terminal with recorded chunks only."""

    def __init__(self, *chunks: Chunk) -> None:
        self.chunks = list(chunks)
        self.ended = True


def test_a_text_is_visible_when_its_update_ends() -> None:
    kept = Kept(
        Chunk(1.0, b"\x1b[?2026hhel"), Chunk(2.0, b"lo"), Chunk(3.0, b"\x1b[?2026l"), Chunk(4.0, b"x")
    )
    eye = Eye(kept)
    assert eye.visible_at("hello") == 3.0
    assert eye.visible_at("hello") == 3.0
    assert eye.visible_at("hellox") == 4.0
    assert eye.visible_at("goodbye") is None


def test_late_keys_count_as_missed_and_not_as_fast() -> None:
    kept = Kept(Chunk(1.01, b"zabc"), Chunk(2.5, b"d"))
    metrics = look_up(Eye(kept), [TypedKey(1.0, "zabc", 2.0), TypedKey(1.1, "zabcd", 2.0)])
    assert metrics["missed keys"] == 1.0
    assert metrics["p99 ms"] == pytest.approx(10.0)
    assert "p50 ms" not in look_up(Eye(Kept()), [TypedKey(1.0, "zabc", 2.0)])


def test_cpu_time_between_samples_is_interpolated() -> None:
    samples = [(0.0, 1.0), (1.0, 2.0), (3.0, 2.0)]
    assert [cpu_at(samples, moment) for moment in (-1.0, 0.0, 0.5, 2.0, 9.0)] == [1.0, 1.0, 1.5, 2.0, 2.0]


# -- figures and bars ----------------------------------------------------------------------
def test_figures_are_medians_and_unknown_is_not_zero() -> None:
    figures = Figures()
    for value in (3.0, 1.0, 2.0, None):
        figures.add("b", "c", OURS, {"ms": value})
    figures.add("b", "c", "floor", {"ms": 4.0, "other": None})
    assert figures.median(Key("b", "c", "ms")) == 2.0
    assert figures.worst(Key("b", "c", "ms")) == 3.0
    assert figures.median(Key("b", "c", "other", "floor")) is None
    assert list(figures.rows()) == [("b", "c", "ms", "2.00", "4.00", "floor", "0.50", "3")]
    assert shown(None) == "–"


def test_quantiles_lie_between_neighbours() -> None:
    assert quantile([4, 1, 3, 2], 0.5) == 2.5
    assert quantile([7], 0.99) == 7


def _judged(*rows: tuple[str, str, str, str, float]) -> Figures:
    figures = Figures()
    for bench, case, metric, target, value in rows:
        figures.add(bench, case, target, {metric: value})
    return figures


def test_bars_are_held_missed_or_not_measured() -> None:
    bar = next(bar for bar in bars.BARS if bar.what == "CPU of 5000 tokens × floor-null")
    ours, floor = bar.ours, bar.other
    assert floor is not None
    assert bar.holds(_judged((*ours, 1.4), (*floor, 1.0))) == "yes"
    assert bar.holds(_judged((*ours, 1.6), (*floor, 1.0))) == "no"
    assert bar.holds(_judged((*ours, 1.0))) == "not measured"
    fast = next(bar for bar in bars.BARS if bar.least)
    assert fast.holds(_judged((*fast.ours, 70.0), (*(fast.other or ours), 100.0))) == "yes"
    quiet = next(bar for bar in bars.BARS if bar.limit == 0)
    assert quiet.holds(_judged((*quiet.ours, 0.0))) == "yes"


def test_the_worst_run_decides_the_number_of_missed_keys() -> None:
    bar = next(bar for bar in bars.BARS if bar.worst)
    assert bar.holds(_judged(*((*bar.ours, missed) for missed in (0.0, 0.0, 1.0)))) == "no"


# -- the command -----------------------------------------------------------------------------
def test_the_command_line_chooses_the_scale() -> None:
    assert scale_of(parse([])) == FULL
    assert scale_of(parse(["--quick"])) == QUICK
    assert scale_of(parse(["--race", "--repeat", "2"])).answers == FULL.answers[1:]
    assert scale_of(parse(["--repeat", "2"])).repeats == 2
    assert list(CHOICES) == parse([*CHOICES]).names


@pytest.mark.parametrize("argv", [["nothing"], ["--repeat", "0"]])
def test_unmeasurable_requests_are_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert capsys.readouterr().err


# -- alive ------------------------------------------------------------------------------------
def test_a_stored_session_folds_to_finished_turns() -> None:
    seed = Seed(turns=1, tokens=30)
    turn = fold(TurnRequest("turn_1", "Question", 0), list(frames(seed, 0)))
    assert turn.status is TurnStatus.COMPLETED
    assert turn.text.endswith(f"{seed.mark}\n")


def test_the_service_sends_the_planned_answer(tmp_path: Path) -> None:
    plan = Plan("prose", 300)
    with paced_service() as service:
        argv = python("-m", "benchmarks.floors.reader", service.base_url, plan.prompt)
        environ = environment(tmp_path, service.base_url)
        ran = subprocess.run(argv, env=environ, check=True, capture_output=True, text=True, timeout=60)
        sent = service.wait(plan)
    assert ran.stdout == "".join(answer("prose", 300, plan.mark))
    assert sent.bytes == len(ran.stdout.encode())
    assert sent.first <= sent.last


ASKS = """
import sys, termios, tty
tty.setraw(0)
print(end="\\x1b[c", flush=True)
said = sys.stdin.read(9)
print("answered", repr(said), end="", flush=True)
print("and typed", sys.stdin.read(2), end="", flush=True)
sys.stdin.read(1)
"""


@pytest.mark.terminal
@pytest.mark.skipif(sys.platform != "linux", reason="the ruler reads /proc")
def test_a_program_gets_answers_and_keys_and_its_text_is_visible(tmp_path: Path) -> None:
    with terminal(python("-u", "-c", ASKS), environment(tmp_path, "http://127.0.0.1:9"), tmp_path) as running:
        eye = Eye(running)
        assert eye.await_text("answered") is not None
        typed = running.send(b"hi")
        visible = eye.await_text("and typed hi")
        assert visible is not None
        assert visible >= typed
        assert running.bytes == sum(len(chunk.data) for chunk in running.chunks)
        assert running.rss > 1
        assert running.cpu >= 0
        pid = running.pid
    assert rss_mb(pid) == 0
