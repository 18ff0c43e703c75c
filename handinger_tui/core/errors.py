"""The exceptions of this program.

    HandingerError            summary, hint
      SettingsError           missing key, bad URL, bad configuration
      LocalFileError          a file or port of this machine cannot be used
      AttachmentProblem       a file cannot be sent, or has changed; NoSuchFile
      LimitStop               a limit forbids a turn: core.money.limits has the kinds
      LedgerError             Locked, TooNew, Damaged, NoRoom, NoHistory, SharedUnreachable
      ApiError                kind, delivery, http_status, retry_after_s
        Unreachable           nothing was sent: safe to try again
        Doubtful              the connection broke during the request: it may have arrived
        Refused               the service answered no (4xx, 3xx, an error object)
          LinkExpired         the URL of a file may have expired; reading the worker brings a new one
        ServerFault           the service failed (5xx, 408)
        BrokenContract        the answer is not what the API promises (HTML, encoding, too large)
        StreamLost            an answer began and broke off

The failure of a turn inside the worker is not an exception, nor is detaching. Only `api.errors` creates
ApiErrors, only the engine turns them into the status of a turn, and only `cli` prints the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar, Final

from handinger_tui.core.turns.turn import ErrorKind, Fault


class HandingerError(Exception):
    """Base of all errors of this program. `summary`: one line for people; `hint`: what to do next."""

    def __init__(self, summary: str, hint: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint

    @property
    def text(self) -> str:
        """The summary and the hint."""
        return f"{self.summary} {self.hint}".strip()


class NoSuchSession(HandingerError):
    """No session matches, more than one does, or it was deleted."""

    def __init__(self, summary: str = "The session was deleted.", hint: str = "") -> None:
        super().__init__(summary, hint)


class SettingsError(HandingerError):
    """A setting is missing or invalid; nothing was sent."""


class LocalFileError(HandingerError):
    """A file or port of this machine cannot be used; nothing was sent."""


class AttachmentProblem(HandingerError):
    """A file cannot be sent, or has changed since it was chosen; nothing was sent."""


class NoSuchFile(AttachmentProblem):
    """No file with that name exists."""


class LimitStop(HandingerError):
    """Nothing was sent: a limit forbids it. `reason`: why, in a sentence."""

    reason = ""
    may_lift = False
    """It may allow the turn once those that run have ended, or are settled."""
    may_be_agreed = False
    """It is unknown whether the limit will hold, so the person may decide to send."""


class LedgerError(HandingerError):
    """The history cannot be read or written."""


class Locked(LedgerError):
    """Another process locks the database for too long."""


class TooNew(LedgerError):
    """The database was written by a newer version; it is never downgraded."""


class Damaged(LedgerError):
    """The database file is damaged. It may be set aside, and is never deleted."""


class NoRoom(LedgerError):
    """The disk is full or the folder cannot be written."""


class NoHistory(LedgerError):
    """There is no durable history to record a turn in, and the person did not agree to do without one."""


class SharedUnreachable(LedgerError):
    """The limits of a team cannot be checked, which counts as reached."""

    def __init__(self, reason: str, hint: str = "Check the database and the network.") -> None:
        super().__init__(
            f"The shared limits cannot be checked: {reason}. Nothing was sent.",
            f"{hint} --allow-unshared sends without them.",
        )


class ApiError(HandingerError):
    """A request that did not succeed."""

    chargeable: ClassVar[bool] = True
    """Whether the request may have started something that costs money."""

    def __init__(
        self,
        kind: ErrorKind,
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
        self.worker_id: str | None = None
        """The worker that the failed response names, if any."""

    def fault(self) -> Fault:
        """This error as the `Fault` of a turn."""
        return Fault(self.kind, self.summary, self.http_status, self.retry_after_s, self.chargeable)


class Unreachable(ApiError):
    """Proof that nothing was sent: name resolution, refused, connect timeout, TLS."""

    chargeable = False


class Refused(ApiError):
    """The service refused the request; nothing started."""

    chargeable = False


class LinkExpired(Refused):
    """The URL of a file was refused and may have expired; reading the worker may bring a new one."""


class Doubtful(ApiError):
    """No response came; the request may or may not have arrived."""


class ServerFault(ApiError):
    """The service failed; it may or may not have started the turn."""


class BrokenContract(ApiError):
    """The response is not one of this API (a sign-in page, an unknown encoding, too large)."""


class StreamLost(ApiError):
    """A response began and broke off: a lost connection, a timeout, a limit."""


# -- what a misspelled name may have been --------------------------------------------------------
ALIKE: Final = 0.5
"""How much of two names must be the same, from 0 to 1."""


def nearest(typed: str, names: Iterable[str], alike: float = ALIKE) -> str:
    """The name that is most like the typed one, in any case; "" for none."""
    plain = {name.casefold(): name for name in names}
    near = get_close_matches(typed.casefold(), plain, 1, alike)
    return plain[near[0]] if near else ""


def did_you_mean(typed: str, names: Iterable[str], otherwise: str = "", form: str = "{}") -> str:
    """A hint that names the nearest name, as `form` writes it; `otherwise` where none is near."""
    near = nearest(typed, names)
    return f"Did you mean {form.format(near)}?" if near else otherwise
