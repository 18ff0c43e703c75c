"""Bars: the figures that must hold. Each is judged by medians of one run of the benchmarks.

A bar against a peer is judged by that peer when it was measured in the same run. When not,
it is judged by the peer's published measurement: as a multiple of the floor, which had run
beside it there, times the share that is asked of us. Three figures are no multiples of a
floor and are compared as they are: bytes for each byte of an answer, megabytes of growth,
and the lag behind the last token, which is waiting for a paint and no work. `source` says
which of the two it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from benchmarks.benches.answers import prose_of
from benchmarks.figures import Figures, Key, shown
from benchmarks.targets import INPUT, NULL

Rule = Callable[[float, float], float]
"""The value that is compared with the limit, from our figure and the other one."""


def times(ours: float, other: float) -> float:
    """A ratio. Zero to zero counts as equal."""
    if not other:
        return 1.0 if not ours else float("inf")
    return ours / other


def above(ours: float, other: float) -> float:
    """A difference."""
    return ours - other


@dataclass(frozen=True)
class Bar:
    """`number` as in the project's list; P: bars of the product itself. `least`: the limit is one below."""

    number: str
    what: str
    limit: float
    ours: Key
    other: Key | None = None
    rule: Rule = times
    least: bool = False
    worst: bool = False
    """The worst run counts, not the median."""
    source: str = ""
    peer: str = ""
    share: float = 0.0
    """Our limit relative to the peer itself."""

    def judged(self, figures: Figures) -> Bar:
        """The bar that counts: of a peer that was measured, or this one."""
        measured = replace(
            self,
            what=f"{self.what.split(' × ')[0]} × {self.peer}",
            limit=self.share,
            other=against(self.ours, self.peer),
            source=f"{self.peer}, measured beside it",
            peer="",
        )
        return measured if self.peer and measured.value(figures) is not None else self

    def value(self, figures: Figures) -> float | None:
        """The value that is compared with the limit; None: not measured."""
        ours = figures.worst(self.ours) if self.worst else figures.median(self.ours)
        if self.other is None or ours is None:
            return ours
        other = figures.median(self.other)
        return None if other is None else self.rule(ours, other)

    def holds(self, figures: Figures) -> str:
        """`yes`, `no` or `not measured`."""
        value = self.value(figures)
        if value is None:
            return "not measured"
        return "yes" if (value >= self.limit if self.least else value <= self.limit) else "no"


def against(key: Key, floor: str) -> Key:
    """The same figure of a floor."""
    return key._replace(target=floor)


def _of_floor(number: str, what: str, limit: float, key: Key, floor: str) -> Bar:
    return Bar(number, f"{what} × {floor}", limit, key, against(key, floor))


def _of_peer(bar: Bar, share: float, peer: str, published: str) -> Bar:
    """A bar with the published multiple as its limit, which the peer itself replaces when it was measured."""
    return replace(bar, source=f"{share} × {peer}, published: {published}", peer=peer, share=share)


def _start() -> Iterator[Bar]:
    for metric, elia, vibe3 in (("prompt ms", 3.72, 0.17), ("typed key ms", 4.62, 0.19)):
        key = Key("start", "cold", metric)
        yield _of_floor("1", metric, 1.3, key, INPUT)
        bar = _of_floor("1", metric, round(0.35 * elia, 2), key, INPUT)
        yield _of_peer(bar, 0.35, "elia", f"{elia} × floor")
        yield _of_floor("1", metric, 0.25, key, INPUT)
        bar = _of_floor("1", metric, vibe3, key, INPUT)
        yield _of_peer(bar, 1.0, "vibe3", f"{vibe3} × floor")
    yield _of_floor("1", "whole screen ms", 1.8, Key("start", "cold", "screen ms"), INPUT)
    lost = Key("start", "typed from the first frame on", "starts that lost keys")
    yield Bar("1", "starts that lost keys", 0.0, lost)


def _echo() -> Iterator[Bar]:
    idle = "echo", "idle"
    p99 = Key(*idle, "p99 ms")
    yield _of_floor("2", "idle echo p50", 1.2, Key(*idle, "p50 ms"), INPUT)
    yield _of_floor("2", "idle echo p99", 1.5, p99, INPUT)
    bar = _of_floor("2", "idle echo p99", 0.87, p99, INPUT)
    yield _of_peer(bar, 0.5, "oterm", "12.2 of the floor's 7.0 ms")
    yield Bar("2", "idle CPU %", 1.0, Key(*idle, "idle CPU %"))
    yield Bar("2", "idle bytes/s", 300.0, Key(*idle, "idle bytes/s"))
    yield Bar("P", "idle app without a clock, bytes/s", 0.0, Key(*idle, "idle bytes/s"))
    fast = Key("stream", "1000 tokens/s", "p99 ms")
    what = "echo p99 at 1,000/s"
    yield _of_floor("3", what, 5.0, fast, NULL)
    yield _of_peer(_of_floor("3", what, 5.03, fast, NULL), 0.75, "vibe3", "6.7 × floor")
    yield _of_peer(_of_floor("3", what, 7.6, fast, NULL), 0.05, "elia", "152 × floor")
    yield Bar("3", "keys missed at 1,000/s", 0.0, fast._replace(metric="missed keys"), worst=True)


def _answers() -> Iterator[Bar]:
    lags = {tokens: Key("answers", f"{tokens} prose", "lag ms") for tokens in (5_000, 50_000)}
    for tokens, key in lags.items():
        what = f"lag ms at {tokens} tokens above {NULL}"
        yield Bar("4", what, 75.0, key, against(key, NULL), above)
    yield Bar("4", "lag at 50,000 × lag at 5,000", 1.5, lags[50_000], lags[5_000])
    for tokens, vibe2_ms in ((5_000, 879), (50_000, 23_509)):
        bar = Bar("4", f"lag ms at {tokens} tokens", 0.1 * vibe2_ms, lags[tokens])
        yield _of_peer(bar, 0.1, "vibe2", f"{vibe2_ms:,} ms")
    for tokens, floor, peers in (
        (5_000, 1.5, {"vibe3": (0.6, 2.4), "vibe2": (0.2, 9.2)}),
        (50_000, 1.7, {"vibe3": (0.6, 6.2), "vibe2": (0.2, 13.8)}),
    ):
        key, what = Key("answers", f"{tokens} prose", "CPU s"), f"CPU of {tokens} tokens"
        yield _of_floor("5", what, floor, key, NULL)
        for peer, (share, multiple) in peers.items():
            bar = _of_floor("5", what, round(share * multiple, 2), key, NULL)
            yield _of_peer(bar, share, peer, f"{multiple} × floor")
    for shape in ("list", "table", "fence"):
        key = Key("answers", shape, "CPU s")
        prose = key._replace(case=prose_of(shape))
        yield Bar("P", f"CPU of a long {shape} × prose of its length", 2.0, key, prose)
    written = Key("answers", "5000 prose", "bytes written/answer byte")
    bar = Bar("7", "bytes written for a byte of answer", 22.0, written)
    yield bar
    yield _of_peer(replace(bar, limit=18.9), 1.0, "vibe3", "18.9")


def _growth() -> Iterator[Bar]:
    for shape in ("prose", "list", "table", "fence"):
        late = Key("growth", shape, "late CPU µs/token")
        early = late._replace(metric="early CPU µs/token")
        yield Bar("6", f"CPU/token late × early, {shape}", 1.3, late, early)
    few, some, many = ("sessions", "10 turns"), ("sessions", "200 turns"), ("sessions", "2000 turns")
    cpu, p95, page = "echo CPU ms/key", "echo p95 ms", "page CPU ms"
    # The bar names 1,000 messages: 2,000 turns are more.
    yield Bar("6", "CPU/key at 2,000 turns × 10 turns", 1.2, Key(*many, cpu), Key(*few, cpu))
    yield Bar("6", "echo p95 at 200 turns × 10 turns", 1.25, Key(*some, p95), Key(*few, p95))
    yield Bar("P", "CPU of a page at 2,000 turns × 10 turns", 1.5, Key(*many, page), Key(*few, page))
    rows = Key(*many, "first rows ms")
    yield Bar("P", "opening 2,000 turns × an empty session", 3.0, rows, rows._replace(case="empty"))


def _memory() -> Iterator[Bar]:
    start = Key("memory", "start", "RSS MB")
    late, growth = Key("memory", "200 turns", "RSS MB"), Key("memory", "growth", "MB/100 turns")
    yield _of_floor("8", "RSS at start", 1.6, start, INPUT)
    bar = Bar("8", f"RSS after 200 turns × {INPUT} at start", 3.38, late, against(start, INPUT))
    yield _of_peer(bar, 0.65, "pi", "182 of the floor's 35 MB")
    yield _of_peer(Bar("8", "MB for 100 turns", 28.0, growth), 0.15, "vibe2", "187 MB")
    yield _of_peer(Bar("8", "MB for 100 turns", 14.0, growth), 1.0, "vibe3", "14 MB")


def _brief() -> Iterator[Bar]:
    version, speed = Key("start", "version", "wall ms"), Key("headless", "unpaced", "tokens/s")
    yield Bar(
        "P", "--version, ms above python -c pass", 30.0, version, against(version, "python -c pass"), above
    )
    yield Bar("P", "-p, tokens/s × bare httpx-sse", 0.6, speed, against(speed, "httpx-sse"), least=True)


def _load() -> Iterator[Bar]:
    one, many = (Key("load", name, "p99 ms") for name in ("1 open, 1 running", "100 open, 20 running"))
    yield Bar("3", "echo p99 with 20 running × with one", 1.5, many, one)
    short, long = (Key("load", f"session of {turns} turns", "CPU ms of a turn") for turns in (75, 2_000))
    yield Bar("6", "CPU of a turn at 2,000 turns × 75 turns", 2.0, long, short)


def _runs() -> Iterator[Bar]:
    many = "runs", "200 remote runs"
    yield Bar("9", "board with 200 runs: a call is seen, p95 s", 2.0, Key(*many, "seen p95 s"))
    yield Bar("9", "board with 200 runs, CPU %", 8.0, Key(*many, "CPU %"))
    idle = Key("echo", "idle", "p99 ms", INPUT)
    among = Key(*many, "echo beside, p99 ms")
    yield Bar("9", "echo beside 200 runs and two streams, p99 × idle floor", 1.5, among, idle)


BARS: Final = (*_start(), *_echo(), *_answers(), *_growth(), *_memory(), *_brief(), *_load(), *_runs())
HEADS: Final = ("bar", "what", "must be", "is", "holds", "limit from")


def judged(figures: Figures) -> list[Bar]:
    """The bars, each as it counts in this run."""
    return [bar.judged(figures) for bar in BARS]


def rows(figures: Figures) -> Iterator[tuple[str, ...]]:
    """Lines of a table."""
    for bar in judged(figures):
        limit = ("≥ " if bar.least else "≤ ") + f"{bar.limit:g}"
        yield bar.number, bar.what, limit, shown(bar.value(figures)), bar.holds(figures), bar.source


def as_json(figures: Figures) -> list[dict[str, Any]]:
    """One object for each bar."""
    return [
        {
            "bar": bar.number,
            "what": bar.what,
            "limit": bar.limit,
            "at": "least" if bar.least else "most",
            "value": bar.value(figures),
            "holds": bar.holds(figures),
            "source": bar.source,
        }
        for bar in judged(figures)
    ]
