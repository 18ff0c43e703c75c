"""A turn full of hostile texts in the history, and every command that prints it or its worker."""

from __future__ import annotations

import json
from pathlib import Path

from tests.chaos.hostile import dangers
from tests.chaos.server import FaultServer
from tests.chaos.test_raw_bytes import HOSTILE, answer
from tests.e2e.runner import Ran, run

FORMATS = ("markdown", "footnotes", "csl", "bibtex")
GROUPS = ("day", "worker", "budget", "session", "turn", "trigger")


def check(ran: Ran, what: str, *, code: int = 0) -> None:
    """No hostile character may reach a terminal, as written or after decoding."""
    assert ran.code == code, f"{what}: {ran.err}"
    assert "Traceback" not in ran.err, what
    assert not dangers(ran.out.replace("\r\n", "\n")), what
    assert not dangers(ran.err), what
    ran.out.encode()


def strings(value: object) -> list[str]:
    """Every text of a JSON value."""
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_every_command_over_a_hostile_history(server: FaultServer, tmp_path: Path) -> None:
    world = server.begin(answer(HOSTILE))
    base = server.base_of(world)
    prompt = HOSTILE[7].replace("\0", "")
    check(run("-p", prompt, "-w", world.worker_id, "--json", home=tmp_path, base_url=base), "send")
    listing = run("sessions", "list", "--json", home=tmp_path)
    (row,) = json.loads(listing.out)["sessions"]
    session = row["session_id"]
    over_network = {"base_url": base}
    runs: dict[tuple[str, ...], dict[str, str]] = {
        ("sessions", "list"): {},
        ("sessions", "show", session): {},
        ("sessions", "show", session, "--json"): {},
        ("sessions", "search", "CANARY"): {},
        ("sessions", "search", "CANARY", "--json"): {},
        ("sources", session): {},
        ("sources", session, "--json"): {},
        **{("sources", session, "--format", form): {} for form in FORMATS},
        **{("costs", "--by", by): {} for by in GROUPS},
        **{("costs", "--by", by, "--json"): {} for by in GROUPS},
        **{("costs", "--by", by, "--csv"): {} for by in GROUPS},
        ("files", "list", world.worker_id): over_network,
        ("files", "list", world.worker_id, "--json"): over_network,
        ("attach", world.worker_id, "--output-format", "text"): over_network,
        ("attach", world.worker_id, "--json"): over_network,
    }  # fmt: skip
    for argv, more in runs.items():
        ran = run(*argv, home=tmp_path, **more)
        check(ran, " ".join(argv))
        assert ran.out, argv
        if "--json" in argv or "csl" in argv:
            assert not [text for text in strings(json.loads(ran.out)) if dangers(text)], argv
    for ending in ("html", "txt", "csv", "json"):
        page = tmp_path / f"costs.{ending}"
        check(run("costs", "--report", str(page), home=tmp_path), ending)
        written = page.read_text("utf-8")
        assert not dangers(written)
        assert "<script>alert" not in written
    check(run("files", "get", world.worker_id, HOSTILE[3][:80], home=tmp_path, base_url=base), "get", code=1)
    check(run("sources", HOSTILE[1], home=tmp_path), "no such session", code=2)


def test_the_texts_of_small_answers_are_cleaned(server: FaultServer, tmp_path: Path) -> None:
    texts = [text.replace("\0", "") for text in HOSTILE[::6]]
    for text in texts:
        for argv in (("email", "w1"), ("schedules", "list", "w1"), ("files", "list", "w1")):
            world = server.begin({"id": "small", "op": "continue", "server": {
                kind: [[{"json": {"error": {"message": text, "code": text}, "title": text}, "status": 400}]]
                for kind in ("get", "pre_get", "other", "pre_other")
            }})  # fmt: skip
            ran = run(*argv, home=tmp_path, base_url=server.base_of(world))
            assert ran.code != 0
            check(ran, " ".join(argv), code=ran.code)
