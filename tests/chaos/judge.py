"""Judge: what a scenario's `expect` demands, compared with what the client said and the server saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.server import wait_until
from tests.chaos.world import Scenario, World

Told = dict[str, Any]
ENDED_WELL = ("completed", "recovered", "saved")
CLOSE_S = 5.0
"""How long the server may take to notice that the client has gone."""


def broken(world: World, told: Told, seconds: float, live_looks: int = 0) -> list[str]:
    """What does not hold, one line each; empty when all does.

    `live_looks`: GETs for the figures on the screen, each accounted for by a frame;
    what a scenario allows is meant for a client that shows none.
    """
    expect = world.scenario["expect"]
    found = [*_client(expect, told), *_text(expect, told), *_money(expect, told)]
    found += _server(world, expect, live_looks)
    if expect.get("draft_preserved") and told.get("draft") != prompt_for(world):
        found.append(f"the draft is {told.get('draft')!r}")
    if seconds > expect.get("max_seconds", 25):
        found.append(f"took {seconds:.1f} s")
    return found


def prompt_for(world: World) -> str:
    """The prompt that the client is given."""
    return f"ping {world.worker_id}"


def _client(expect: Scenario, told: Told) -> Iterator[str]:
    outcome = told["outcome"]
    if outcome not in expect["outcome"]:
        yield f"outcome {outcome!r}, not {expect['outcome']} (error: {told.get('error')})"
    kinds = expect.get("error_kind")
    if kinds and outcome not in ENDED_WELL and told.get("error_kind") not in kinds:
        yield f"error kind {told.get('error_kind')!r}, not {kinds}"
    error = told.get("error") or ""
    if expect.get("error_contains", "") not in error:
        yield f"the error {error[:200]!r} lacks {expect['error_contains']!r}"
    if "retry_after_s" in expect:
        low, high = expect["retry_after_s"]
        wait = told.get("retry_after_s")
        if wait is None or not low <= wait <= high:
            yield f"retry after {wait}, not {low} to {high} s"


def _text(expect: Scenario, told: Told) -> Iterator[str]:
    text = told.get("text") or ""
    final = expect.get("final_text")
    if final is not None and text != final:
        yield f"the text is {text[:100]!r} ({len(text)}), not {final[:100]!r} ({len(final)})"
    for piece in expect.get("text_contains", ()):
        if piece not in text:
            yield f"the text {text[:100]!r} lacks {piece!r}"
    for piece in expect.get("text_not_contains", ()):
        if piece in text:
            yield f"the text has {piece!r}"


def _money(expect: Scenario, told: Told) -> Iterator[str]:
    if "cost_usd" in expect:
        wanted = expect["cost_usd"]
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if told.get("cost_usd") not in allowed:
            yield f"cost {told.get('cost_usd')}, not {allowed}"


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
        world, lambda: any(one.client_left for one in world.exchanges), CLOSE_S
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
    """What does not hold about the files that a download left.

    `box` holds all that the client could have written to by a path going up;
    `before` is what lay in `folder` already, by path.
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
        whole = expect["saved_sha256_of"].encode()
        if [path.read_bytes() for path in new] != [whole]:
            yield "the bytes differ"
