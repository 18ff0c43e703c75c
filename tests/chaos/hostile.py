"""Hostile texts in every member of a turn that can hold text of the service."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from tests.chaos.data import TEXTS, loaded, read
from tests.chaos.steps import CLOSING, opening

Payload = dict[str, Any]
Scenario = dict[str, Any]

CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
INVISIBLE: Final = re.compile("[\u200b-\u200d\u2060\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef]")
RESERVED: Final = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
TEXT_PAYLOADS: Final = {payload["id"]: payload for payload in read(TEXTS, "payloads")}
FILE_PAYLOADS: Final = {payload["id"]: payload for payload in loaded("files", "payloads")}

LONG: Final = 50_000
SHORT: Final = 2_000
PIECE: Final = 4_000


def pieces_of(payload: Payload) -> list[str]:
    """The text, as successive deltas."""
    if "chunks" in payload:
        return list(payload["chunks"])
    repeat = payload.get("repeat")
    text = repeat["head"] + repeat["unit"] * repeat["times"] + repeat["tail"] if repeat else payload["text"]
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)] or [""]


def everywhere(payload: Payload) -> Scenario:
    """A turn that ends well, with the text in all of its places."""
    name = payload["id"]
    scenario: Scenario = {"id": name, "op": "continue", "files": [], "sources": []}
    if "b64" in payload:
        steps = [{"head": {}}, {"accept": {}}, {"open": 1}, {"b64": payload["b64"]}, {"close": 1}]
        return scenario | {"server": {"continue": [steps], "get": [[{"worker": {"messages": None}}]]}}
    pieces = pieces_of(payload)
    text = "".join(pieces)[:LONG]
    short = text[:SHORT]
    events = [*_opening(text, short), *opening("m1a")[1:]]
    steps = [{"head": {}}, {"accept": {}}, *({"sse": event} for event in events)]
    ending = {**CLOSING[-1], "finishReason": short, "messageMetadata": {short: text}}
    steps += [{"deltas": [0, None]}, {"sse": CLOSING[0]}, {"sse": ending}, {"close": 1}]
    worker = {"title": text, "summary": text, "metadata": {short: text}, "structured_output": {short: text}}
    return scenario | {
        "deltas": pieces,
        "files": [{"filename": text, "mediaType": short, "url": "/api/workers/{{id}}/files/x"}],
        "sources": [{"id": short, "type": "url", "title": text, "url": "https://example.com/" + short}],
        "server": {"continue": [steps], "get": [[{"worker": worker}]]},
    }


def _opening(text: str, short: str) -> Iterator[dict[str, Any]]:
    """Everything but the answer."""
    yield {"type": "start", "messageId": "m1a", "messageMetadata": {short: text}}
    yield {"type": "reasoning-start", "id": "r"}
    yield {"type": "reasoning-delta", "id": "r", "delta": text}
    yield {"type": "reasoning-end", "id": "r"}
    yield {"type": "tool-input-start", "toolCallId": "c0", "toolName": text}
    yield {"type": "tool-input-delta", "toolCallId": "c0", "inputTextDelta": text}
    yield {"type": "tool-input-available", "toolCallId": short, "toolName": text, "input": {short: text}}
    yield {"type": "tool-output-available", "toolCallId": short, "output": {short: [text]}}
    yield {"type": "tool-input-available", "toolCallId": "c2", "toolName": "t", "input": text}
    yield {"type": "tool-output-error", "toolCallId": "c2", "errorText": text}
    yield {"type": "source-url", "sourceId": short, "url": "https://example.com/" + short, "title": text}
    yield {"type": "source-document", "sourceId": "d", "mediaType": short, "title": text, "filename": text}
    yield {"type": "file", "url": "https://example.com/" + short, "mediaType": short}
    yield {"type": "data-" + short, "id": short, "data": {short: text}}
    yield {"type": short, short: text}


def refused(payload: Payload) -> Scenario:
    """The service refuses the turn with the text as its reason."""
    text = "".join(pieces_of(payload))[:LONG]
    body = {"json": {"error": {"message": text, "code": text[:SHORT]}}, "status": 400}
    return {"id": payload["id"], "op": "continue", "server": {"continue": [[body]]}}


def broken_off(payload: Payload) -> Scenario:
    """The stream ends with the text as its error, and the worker repeats it."""
    text = "".join(pieces_of(payload))[:LONG]
    steps = [{"head": {}}, {"accept": {}}, {"open": 1}, {"sse": {"type": "error", "errorText": text}}]
    steps += [{"complete": 1}, {"raw": "data: [DONE]\n\n"}, {"end": 1}]
    worker = {"status": "error", "error": {"message": text, "code": text[:SHORT]}, "output_text": ""}
    server = {"continue": [steps], "get": [[{"worker": worker}]]}
    return {"id": payload["id"], "op": "continue", "server": server}


# -- what may come out ---------------------------------------------------------------------
def dangers(text: str) -> list[str]:
    """The control and direction characters and lone surrogates in a text."""
    return sorted({f"U+{ord(character):04X}" for character in CONTROL.findall(text)})


def dangers_in_lines(out: str) -> list[str]:
    """The same for lines of JSON and their decoded strings; each line has to be one object."""
    result = set(dangers(out))
    for line in out.removesuffix("\n").split("\n"):
        value = json.loads(line)
        assert isinstance(value, dict)
        result.update(*map(dangers, _strings(value)))
    return sorted(result)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def wrong_name(name: str) -> list[str]:
    """What is wrong with the name of a saved file."""
    checks = {
        "a separator or a sign that Windows forbids": any(sign in name for sign in '/\\:*?"<>|'),
        "a control, direction or invisible character": CONTROL.search(name) or INVISIBLE.search(name),
        "too long": len(name.encode()) > 240,
        "hidden, an option or a home": name[0] in ".-~",
        "an end that Windows drops": name[-1] in ". ",
        "a device of Windows": RESERVED.fullmatch(name.split(".", maxsplit=1)[0].strip()),
        "not composed": name != unicodedata.normalize("NFC", name),
    }
    return [what for what, bad in checks.items() if bad]
