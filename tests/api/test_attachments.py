"""A prompt with files: the bytes on the wire, and what is refused before any is sent."""

from __future__ import annotations

import hashlib
import os
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path

import pytest
from msgspec.structs import replace

from handinger_tui.api.client import UPLOAD_BLOCK
from handinger_tui.core.errors import AttachmentProblem, Doubtful
from handinger_tui.core.turns.turn import Attachment, TurnRequest
from handinger_tui.engine.ports import WorkerApi
from tests.api.server import Request, Server, as_json

WORKER = '{"object":"worker","id":"w1","status":"completed","running":false}'


def attached(path: Path, content: bytes, name: str = "", media_type: str = "text/csv") -> Attachment:
    path.write_bytes(content)
    return Attachment(
        str(path), name or path.name, len(content), media_type, hashlib.sha256(content).hexdigest()
    )


def turn_request(*files: Attachment, prompt: str = "ping", budget: str | None = "low") -> TurnRequest:
    return TurnRequest("turn_1", prompt, 0, target_id="w1", budget=budget, attachments=files)


async def post(client: WorkerApi, what: TurnRequest) -> None:
    async with client.start_turn(what) as reply:
        async for _ in reply.pieces():
            pass


def parts(request: Request) -> list[tuple[str, str | None, str, bytes]]:
    """Name, file name, type and content of each part, by an independent parser."""
    kind = request.header("content-type") or ""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    result: list[tuple[str, str | None, str, bytes]] = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        named = {key: part.get_param(key, header="content-disposition") for key in ("name", "filename")}
        file_name = str(named["filename"]) if named["filename"] is not None else None
        result.append((str(named["name"]), file_name, part.get_content_type(), content))
    return result


async def test_one_file(server: Server, client: WorkerApi, tmp_path: Path) -> None:
    server.answer(as_json(WORKER))
    content = bytes(range(256)) * 3000
    await post(client, turn_request(attached(tmp_path / "data.csv", content), prompt="héllo"))
    [request] = server.requests
    assert len(content) > UPLOAD_BLOCK
    assert request.header("content-length") == str(len(request.body))
    assert request.header("transfer-encoding") is None
    assert request.header("idempotency-key") == "turn_1"
    boundary = (request.header("content-type") or "").removeprefix("multipart/form-data; boundary=")
    assert (
        request.body
        == (
            f'--{boundary}\r\nContent-Disposition: form-data; name="input"\r\n\r\nhéllo\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="budget"\r\n\r\nlow\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="data.csv"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        + content
        + f"\r\n--{boundary}--\r\n".encode()
    )


async def test_several_files(server: Server, client: WorkerApi, tmp_path: Path) -> None:
    server.answer(as_json(WORKER))
    files = (
        attached(tmp_path / "a", b"A", "a.txt", "text/plain"),
        attached(tmp_path / "b", b"", "b", "no type\r\nX: y"),
    )
    await post(client, turn_request(*files, budget=None))
    assert parts(server.requests[0]) == [
        ("input", None, "text/plain", b"ping"),
        ("stream", None, "text/plain", b"true"),
        ("files[]", "a.txt", "text/plain", b"A"),
        ("files[]", "b", "application/octet-stream", b""),
    ]


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("/home/someone/secret/plan.txt", b'filename="plan.txt"'),
        ("C:\\Users\\someone\\plan.txt", b'filename="plan.txt"'),
        ('a"b\r\nX-Evil: 1.txt', b'filename="a%22b%0D%0AX-Evil: 1.txt"'),
        ("日本.txt", 'filename="日本.txt"'.encode()),
        ("..", b'filename=".."'),
        ("a\ud800.txt", b'filename="a?.txt"'),
    ],
)
async def test_names_on_the_wire(
    server: Server, client: WorkerApi, tmp_path: Path, name: str, sent: bytes
) -> None:
    server.answer(as_json(WORKER))
    await post(client, turn_request(attached(tmp_path / "f", b"x", name)))
    assert sent + b"\r\nContent-Type: text/csv\r\n\r\nx\r\n" in server.requests[0].body


def grown(file: Attachment) -> Attachment:
    with open(file.path, "ab") as out:
        out.write(b"more")
    return file


def same_size(file: Attachment) -> Attachment:
    Path(file.path).write_bytes(b"X" * file.size)
    return file


def removed(file: Attachment) -> Attachment:
    Path(file.path).unlink()
    return file


def folder(file: Attachment) -> Attachment:
    Path(file.path).unlink()
    Path(file.path).mkdir()
    return file


def pipe(file: Attachment) -> Attachment:
    Path(file.path).unlink()
    os.mkfifo(file.path)
    return file


def impossible(file: Attachment) -> Attachment:
    return replace(file, path="a\0b")


@pytest.mark.parametrize("change", [grown, same_size, removed, folder, pipe, impossible])
async def test_a_file_that_changed_is_refused_before_anything_is_sent(
    server: Server, client: WorkerApi, tmp_path: Path, change: object
) -> None:
    assert callable(change)
    file = change(attached(tmp_path / "data.csv", b"a,b\n"))
    with pytest.raises(AttachmentProblem) as caught:
        await post(client, turn_request(file))
    assert "Nothing was sent" in caught.value.summary
    assert server.requests == []


async def test_without_a_digest_size_decides(server: Server, client: WorkerApi, tmp_path: Path) -> None:
    server.answer(as_json(WORKER))
    await post(client, turn_request(replace(attached(tmp_path / "f", b"abc"), sha256="")))
    assert parts(server.requests[0])[-1][3] == b"abc"


async def test_a_file_that_changes_on_the_way_tears_the_request(
    server: Server, client: WorkerApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer(as_json(WORKER))
    file = attached(tmp_path / "f", b"x" * (3 * UPLOAD_BLOCK))
    blocks = 0
    progress_of = client.transport.send  # type: ignore[attr-defined]  # the seam between client and transport

    def send(method: str, url: str, headers: dict[str, str], content: object, **more: object) -> object:
        assert callable(content)

        def watched(progress: object) -> object:
            def step() -> None:
                nonlocal blocks
                blocks += 1
                if blocks == 2:
                    grown(file)
                assert callable(progress)
                progress()

            return content(step)

        return progress_of(method, url, headers, watched, **more)

    monkeypatch.setattr(client.transport, "send", send)  # type: ignore[attr-defined]  # as above
    with pytest.raises(Doubtful, match="changed while it was being sent"):
        await post(client, turn_request(file))
    assert server.requests == []
    assert blocks == 2
