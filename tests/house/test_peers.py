"""Peers: their file, their requests, and their use for a bar. No timing."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bars
from benchmarks.__main__ import main
from benchmarks.bench import QUICK, Lab
from benchmarks.benches.answers import ask
from benchmarks.completions import SHORT, requested_plan
from benchmarks.content import answer
from benchmarks.figures import OURS, Figures
from benchmarks.peers import read_peers, settle_in
from benchmarks.plan import Plan
from benchmarks.serving import PacedService, paced_service
from tests.house.project import ROOT

EXAMPLE = ROOT / "benchmarks" / "peers.example.toml"


# -- the file ----------------------------------------------------------------------------
def test_the_example_has_the_peers_that_bars_name() -> None:
    tables = read_peers(EXAMPLE)
    named = {(bar.ours.bench, bar.peer) for bar in bars.BARS if bar.peer}
    assert named == {(bench, name) for name, table in tables.items() for bench in table["benches"]}


@pytest.mark.parametrize(
    "text",
    [
        "[one",
        "one = 1",
        "[one]\nargv = ['x']",
        "[one]\nready = 'x'",
        "[one]\nargv = ['x']\nready = 'x'\ntpyo = 1",
        "[one]\nargv = ['x']\nready = 'x'\nbenches = ['growth']",
    ],
)
def test_an_invalid_file_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "peers.toml"
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["start", "--peers", str(file)])
    assert ended.value.code == 2
    assert "--peers" in capsys.readouterr().err


def test_a_home_is_created_before_the_first_start(tmp_path: Path) -> None:
    tables: dict[str, Any] = {
        "argv": ["{folder}/bin/one", "{home}"],
        "ready": "x",
        "env": {"PLACE": "{home}/place"},
        "files": {"deep/file": "at {url}"},
        "seed": [sys.executable, "-c", "import os; open(os.environ['PLACE'], 'w').write(os.getcwd())"],
    }
    (peer,) = settle_in({"one": tables}, tmp_path / "f", tmp_path / "homes", "http://127.0.0.1:9")
    home = tmp_path / "homes" / "one"
    assert peer.target.argv == (f"{tmp_path}/f/bin/one", str(home))
    assert (home / "deep" / "file").read_text() == "at http://127.0.0.1:9"
    assert (home / "place").read_text() == str(home / "cwd")
    assert peer.target.kept is not None
    assert not {"HANDINGER_API_KEY", "PYTHONPATH"} & set(peer.target.kept.environ)


# -- the service -----------------------------------------------------------------------------
def _post(service: PacedService, **request: object) -> str:
    url = f"{service.base_url}/v1/chat/completions"
    body = json.dumps(request).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as response:  # noqa: S310 - loopback
        return str(response.read().decode())


def test_a_plan_is_read_from_the_last_user_message() -> None:
    old, new = Plan("prose", 10), Plan("fence", 20, 30)
    messages = [
        {"role": "user", "content": old.prompt},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": f"<now>\n{new.prompt}\n</now>"}]},
    ]
    assert requested_plan({"messages": messages}) == new
    assert requested_plan({"messages": [*messages, {"role": "user", "content": "a title, please"}]}) is None
    assert requested_plan({"messages": [{"role": "system", "content": new.prompt}]}) is None


def test_a_completion_has_the_answer_of_its_plan() -> None:
    plan = Plan("prose", 50)
    messages = [{"role": "user", "content": plan.prompt}]
    with paced_service() as service:
        assert not service.began(plan)
        lines = _post(service, messages=messages, stream=True).split("\n\n")
        sent = service.wait(plan)
        assert service.began(plan)
        complete_answer = json.loads(_post(service, messages=[{"role": "user", "content": "title?"}]))
    assert lines[-2:] == ["data: [DONE]", ""]
    choices = [json.loads(line.removeprefix("data: "))["choices"] for line in lines[:-2]]
    text = "".join(choice["delta"].get("content", "") for one in choices for choice in one)
    assert text == "".join(answer("prose", 50, plan.mark))
    assert sent.bytes == len(text.encode())
    assert complete_answer["choices"][0]["message"]["content"] == SHORT


# -- alive -------------------------------------------------------------------------------------
RIVAL = """
import json, os, urllib.request
print("ask me", flush=True)
while True:
    messages = [{"role": "user", "content": input()}]
    body = json.dumps({"messages": messages, "stream": True}).encode()
    with urllib.request.urlopen(urllib.request.Request(os.environ["URL"], body)) as response:
        for line in response:
            for choice in json.loads(line[6:])["choices"] if line[6:7] == b"{" else ():
                print(end=choice["delta"].get("content", ""), flush=True)
"""


@pytest.mark.terminal
@pytest.mark.skipif(sys.platform != "linux", reason="the ruler reads /proc")
def test_a_peer_is_measured_and_leaves_a_bench_in_which_it_fails(tmp_path: Path) -> None:
    tables: dict[str, Any] = {
        "argv": [sys.executable, "-c", RIVAL],
        "ready": "ask me",
        "env": {"URL": "{url}/v1/chat/completions"},
    }
    with paced_service() as service:
        peers = settle_in({"rival": tables}, tmp_path, tmp_path / "homes", service.base_url)
        lab = Lab(service, QUICK, Figures(), peers)
        (target,) = lab.rivals("stream")
        plan = Plan("prose", 30)
        with lab.sparing("stream", target), lab.started(target) as (running, eye):
            ask(lab, running, target, plan)
            assert eye.await_text(plan.mark) is not None
            raise RuntimeError("it fails")
    assert lab.lost == {"stream rival": "it fails"}
    assert not list(lab.rivals("stream"))
    assert [one.name for one in lab.rivals("start")] == ["rival"]


# -- bars ----------------------------------------------------------------------------------------
def test_a_peer_judges_its_bar_when_it_was_measured_and_its_published_multiple_when_not() -> None:
    (bar,) = [bar for bar in bars.BARS if bar.peer == "vibe3" and bar.what.startswith("CPU of 5000 ")]
    floor = bar.other
    assert floor is not None
    figures = Figures()
    for target, value in ((OURS, 1.5), (floor.target, 1.0)):
        figures.add(*bar.ours[:2], target, {bar.ours.metric: value})
    assert bar.judged(figures) is bar
    assert "published" in bar.source
    assert bar.holds(figures) == "no"
    figures.add(*bar.ours[:2], "vibe3", {bar.ours.metric: 3.0})
    judged = bar.judged(figures)
    assert (judged.what, judged.limit, judged.value(figures)) == ("CPU of 5000 tokens × vibe3", 0.6, 0.5)
    assert judged.holds(figures) == "yes"
    assert "published" not in judged.source
    assert [row[5] for row in bars.rows(figures)].count(judged.source) == 1
