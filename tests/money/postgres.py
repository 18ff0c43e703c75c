"""A PostgreSQL server of the tests' own, and a wire in between that can be cut or go silent."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

USER: Final = "team"
PASSWORD: Final = "pass/word@123"
QUOTED: Final = "pass%2Fword%40123"
_NUMBERS: Final = count(1)


def binaries() -> Path | None:
    """The folder of the server's programs; None where it is not installed."""
    places = [shutil.which("postgres"), *map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres"))]
    place = next(filter(None, places), None)
    return None if place is None else Path(place).resolve().parent


def _unprivileged() -> dict[str, Any]:
    """As whom the server runs: it refuses root."""
    return {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}


@dataclass
class Postgres:
    """A server with its data in a folder. `port` stays the same when it is started again."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        programs = binaries()
        assert programs is not None
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if os.getuid() == 0:
            for path in (self.folder, password):
                shutil.chown(path, "nobody", "nogroup")
        argv: list[str | Path] = [programs / "initdb", "--no-sync", "--auth=scram-sha-256", "-U", USER]
        argv += [f"--pwfile={password}"]
        argv += ["-E", "UTF8", "--no-locale", "--no-instructions", "-D", self.folder / "data"]
        subprocess.run(argv, check=True, capture_output=True, cwd="/", **_unprivileged())

    def start(self) -> None:
        programs = binaries()
        assert programs is not None
        while True:
            port = self.port or _free_port()
            argv: list[str | Path] = [programs / "postgres", "-D", self.folder / "data", "-p", str(port)]
            argv += [
                "-h",
                "127.0.0.1",
                "-k",
                "",
                "-F",
                "-c",
                "max_connections=120",
                "-c",
                "log_min_messages=fatal",
            ]
            process = self.process = subprocess.Popen[bytes](
                argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **_unprivileged()
            )
            # Another program may have taken the port.
            while process.poll() is None:
                with suppress(psycopg.OperationalError):
                    psycopg.connect(self._url(port, "postgres")).close()
                    self.port = port
                    return
                time.sleep(0.02)

    def stop(self) -> None:
        """End it at once; clients lose their connections."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None

    def new_url(self) -> str:
        """The URL of an empty schema. A database of its own would take half a second."""
        name = f"team_{next(_NUMBERS)}"
        with psycopg.connect(self._url(self.port, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self._url(self.port, 'postgres')}?options=-csearch_path%3D{name}"

    def _url(self, port: int, name: str) -> str:
        return f"postgresql://{USER}:{QUOTED}@127.0.0.1:{port}/{name}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server; the test is skipped where none is installed."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed here (Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="handinger-postgres-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - the server runs as another user
        server = Postgres(Path(folder))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def rows(url: str, query: str = "") -> list[tuple[Any, ...]]:
    """What a query returns: without one, all entries by turn and scope."""
    query = query or "SELECT turn_id, scope, state, pico, micro, host FROM shared_entries ORDER BY 1, 2"
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


@dataclass
class Wire:
    """A proxy to a server. `is_cut`: connections are refused; `is_silent`: answers do not arrive."""

    port: int
    listener: socket.socket
    is_silent: bool = False
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def own_port(self) -> int:
        number: int = self.listener.getsockname()[1]
        return number

    def cut(self) -> None:
        """Break all connections that are open now."""
        for one in [*self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Carry connections until the listener is shut down."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.port))
                except OSError:
                    client.close()
                    continue
                self._open += [client, server]
                for source, target, is_answer in ((client, server, False), (server, client, True)):
                    carried = threading.Thread(target=self._carry, args=(source, target, is_answer))
                    carried.start()
                    self._threads.append(carried)

    def _carry(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not (is_answer and self.is_silent):
                    target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Break all connections, and wait for the threads."""
        self.cut()
        for one in self._threads:
            one.join()
        for wire_end in self._open:
            wire_end.close()


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A proxy to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Wire(port, listener)
        serving = threading.Thread(target=proxy.serve)
        serving.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()
            proxy.close()
