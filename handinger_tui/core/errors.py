"""What can go wrong, as one tree.

    HandingerError            summary, hint
      SettingsError           missing key, bad URL, bad configuration
      LocalFileError          a file of this machine cannot be read or written
      LedgerError             Locked, TooNew, Damaged, NoRoom, NoHistory
      ApiError                kind, delivery, http_status, retry_after_s
        Unreachable           nothing was sent: safe to dial again
        Doubtful              the connection broke around the request: it may have arrived
        Refused               the service answered no (4xx, 3xx, an error object)
          LinkExpired         the address of a file may be stale; reading the worker brings a fresh one
        ServerFault           the service stumbled (5xx, 408)
        BrokenContract        the answer is not what the API promises (HTML, encoding, too large)
        StreamLost            an answer began and broke off

A turn that the worker itself failed and a person's detach are not exceptions.
Only `api.faults` makes ApiErrors, only `engine.run_turn` turns them into a
status, only `cli` prints what is left.
"""

from __future__ import annotations

from handinger_tui.core.turns.turn import Fault, Kind


class HandingerError(Exception):
    """Base of all our errors. `summary`: one line for a person; `hint`: what to do next."""

    def __init__(self, summary: str, hint: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint


class SettingsError(HandingerError):
    """Something the person set is missing or wrong; nothing was sent."""


class LocalFileError(HandingerError):
    """A file or port of this machine cannot be used; nothing was sent."""


class AttachmentProblem(HandingerError):
    """A file cannot be sent, or is no longer the file that was chosen; nothing was sent."""


class NoSuchFile(AttachmentProblem):
    """Nothing is there under that name."""


class LedgerError(HandingerError):
    """The history cannot be read or written."""


class Locked(LedgerError):
    """Another process holds the database for too long."""


class TooNew(LedgerError):
    """The database was written by a newer version; it is never downgraded."""


class Damaged(LedgerError):
    """The database file is damaged; it was set aside, never deleted."""


class NoRoom(LedgerError):
    """The disk is full or the folder cannot be written."""


class NoHistory(LedgerError):
    """There is no durable history to record a turn in, and nobody agreed to send without one."""


class ApiError(HandingerError):
    """A request that did not simply succeed."""

    def __init__(
        self,
        kind: Kind,
        summary: str,
        hint: str = "",
        *,
        http_status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(summary, hint)
        self.kind = kind
        self.http_status = http_status
        self.retry_after_s = retry_after_s

    @property
    def chargeable(self) -> bool:
        """Whether the request may have started something that costs money."""
        return True

    def fault(self) -> Fault:
        """This error as a value for the turn."""
        return Fault(self.kind, self.summary, self.http_status, self.retry_after_s, self.chargeable)


class Unreachable(ApiError):
    """Proof that nothing was sent: name resolution, refused, connect time-out, TLS."""

    @property
    def chargeable(self) -> bool:
        """Nothing was sent, so nothing can cost."""
        return False


class Refused(ApiError):
    """The service answered that it will not do it; nothing started."""

    @property
    def chargeable(self) -> bool:
        """A refusal costs nothing."""
        return False


class LinkExpired(Refused):
    """The address of a file was refused, and may be stale; reading the worker again may bring a fresh one."""


class Doubtful(ApiError):
    """Nothing came back; the request may or may not have arrived."""


class ServerFault(ApiError):
    """The service stumbled; it may or may not have started the turn."""


class BrokenContract(ApiError):
    """The answer is not one of this API (a portal page, an unknown encoding, too large)."""


class StreamLost(ApiError):
    """An answer began and broke off: a cut, a silence, a limit."""
