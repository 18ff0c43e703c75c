"""Judge: compares a scenario's `expect` with the outcome of the client and the requests at the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.chaos.adapter import Outcome
from tests.chaos.server import wait_until
from tests.chaos.world import Scenario, World

ENDED_WELL = ("completed", "recovered", "saved")
CLOSE_S = 30.0
"""How long the server may take to notice that the client has gone."""
BUSY = 3
"""A busy machine takes so many times as long; a client that misses a limit takes longer still."""


def broken(world: World, outcome: Outcome, seconds: float, live_looks: int = 0) -> list[str]:
    """The failed expectations, one line each; empty when all hold.

    `live_looks`: GETs for the figures on the screen, each recorded as a frame;
    the limits of a scenario are for a client that shows none.
    """
    expect = world.scenario["expect"]
    failures = [*_client(expect, outcome), *_text(expect, outcome), *_money(expect, outcome)]
    failures += _server(world, expect, live_looks)
    if expect.get("draft_preserved") and outcome.get("draft") != prompt_for(world):
        failures.append(f"the draft is {outcome.get('draft')!r}")
    if seconds > BUSY * expect.get("max_seconds", 25):
        failures.append(f"took {seconds:.1f} s")
    return failures


def prompt_for(world: World) -> str:
    """The prompt that the client sends."""
    return f"ping {world.worker_id}"


def _client(expect: Scenario, outcome: Outcome) -> Iterator[str]:
    ended = outcome["outcome"]
    if ended not in expect["outcome"]:
        yield f"outcome {ended!r}, not {expect['outcome']} (error: {outcome.get('error')})"
    kinds = expect.get("error_kind")
    if kinds and ended not in ENDED_WELL and outcome.get("error_kind") not in kinds:
        yield f"error kind {outcome.get('error_kind')!r}, not {kinds}"
    error = outcome.get("error") or ""
    if expect.get("error_contains", "") not in error:
        yield f"the error {error[:200]!r} lacks {expect['error_contains']!r}"
    if "retry_after_s" in expect:
        low, high = expect["retry_after_s"]
        wait = outcome.get("retry_after_s")
        if wait is None or not low <= wait <= high:
            yield f"retry after {wait}, not {low} to {high} s"


def _text(expect: Scenario, outcome: Outcome) -> Iterator[str]:
    text = outcome.get("text") or ""
    final = expect.get("final_text")
    if final is not None and text != final:
        yield f"the text is {text[:100]!r} ({len(text)}), not {final[:100]!r} ({len(final)})"
    for piece in expect.get("text_contains", ()):
        if piece not in text:
            yield f"the text {text[:100]!r} lacks {piece!r}"
    for piece in expect.get("text_not_contains", ()):
        if piece in text:
            yield f"the text has {piece!r}"


def _money(expect: Scenario, outcome: Outcome) -> Iterator[str]:
    if "cost_usd" in expect:
        wanted = expect["cost_usd"]
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if outcome.get("cost_usd") not in allowed:
            yield f"cost {outcome.get('cost_usd')}, not {allowed}"


def _server(world: World, expect: Scenario, live_looks: int) -> Iterator[str]:
    low, high = expect.get("posts", (1, 1))
    if not low <= world.posts <= high:
        yield f"{world.posts} POSTs, allowed {low} to {high}"
    if len(world.prompts) > max(1, high):
        yield f"{len(world.prompts)} turns were started and charged"
    least, most = expect.get("gets", (0, world.gets))
    if not least <= world.gets <= most + live_looks:
        yield f"{world.gets} GETs, {live_looks} of them for figures, allowed {least} to {most}"
    low, high = expect.get("other_origin", (0, 0))
    if not low <= len(world.elsewhere) <= high:
        yield f"{len(world.elsewhere)} requests to the other origin, allowed {low} to {high}"
    yield from _keys(world)
    if expect.get("client_closes") and not wait_until(
        world, lambda: any(one.client_closed for one in world.exchanges), CLOSE_S
    ):
        yield "the client never closed the connection"


def _keys(world: World) -> Iterator[str]:
    for request in world.elsewhere:
        if request.has_key:
            yield f"the key went to another origin: {request.target}"
    for one in world.exchanges:
        if one.op != "other" and not one.request.has_key:
            yield f"{one.op} came without the key"


def broken_files(expect: Scenario, box: Path, folder: Path, before: dict[Path, bytes]) -> Iterator[str]:
    """The failed expectations about the files that a download wrote.

    `box` holds every folder that the client could reach by a path with `..`;
    `before` is the earlier content of `folder`, by path.
    """
    for path, content in before.items():
        if path.read_bytes() != content:
            yield f"{path.name} was changed"
    new = [path for path in sorted(box.rglob("*")) if not path.is_dir() and path not in before]
    wanted = expect["saved"]
    low, high = wanted if isinstance(wanted, list) else (wanted, wanted)
    if not low <= len(new) <= high:
        yield f"{len(new)} files were saved, not {low} to {high}"
    for path in new:
        if path.is_symlink() or path.resolve().parent != folder.resolve():
            yield f"saved outside its folder: {path.relative_to(box)}"
        elif path.stat().st_mode & 0o111:
            yield f"{path.name} can be executed"
    if "saved_sha256_of" in expect:
        expected = expect["saved_sha256_of"].encode()
        if [path.read_bytes() for path in new] != [expected]:
            yield "the bytes differ"
