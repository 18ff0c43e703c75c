"""The errors of `api`: translation of transport exceptions, and one constructor per kind of failure."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import cache
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from handinger_tui.core.errors import (
    ApiError,
    BrokenContract,
    Doubtful,
    LinkExpired,
    Refused,
    ServerFault,
    SettingsError,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.jsontext import NotJson, as_object, parse
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import ANOTHER_WORKER, reason_text, worker_in
from handinger_tui.core.turns.turn import ErrorKind

MAX_REASON_BYTES: Final = 800
"""Bytes of a quoted reason: a summary with it stays below 1 kB."""

_TITLE: Final = re.compile(r"<title[^>]{0,200}>(.{0,2000}?)</title", re.IGNORECASE | re.DOTALL)
_LOOKS_LIKE_JSON: Final = ("{", "[", '"')


class ChangedWhileSending(OSError):
    """A file changed during its upload. The request is aborted, so that no server takes it as complete."""


def shorten(text: str, limit: int = MAX_REASON_BYTES) -> str:
    """`clean_line`, shortened to at most `limit` bytes of UTF-8."""
    line = clean_line(text, limit)
    raw = line.encode("utf-8", "replace")
    return line if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore") + "…"


def reason(content_type: str, body: bytes) -> str:
    """The reason in an error body of any format; "" when there is no readable one."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff").strip()
    kind = content_type.partition(";")[0].strip().lower()
    if "json" in kind or text.startswith(_LOOKS_LIKE_JSON):
        try:
            value = parse(text)
            worker = worker_in(as_object(value))
            return shorten(reason_text(value if worker is None else worker.get("error")) or "")
        except NotJson:
            return ""
    if "html" in kind or "xml" in kind or text.startswith("<"):
        title = _TITLE.search(text[:65536])
        return shorten(html.unescape(title.group(1))) if title else ""
    return shorten(text)


LONGEST_WAIT: Final = 3600.0
VAGUE_WAIT: Final = 30.0
"""Seconds to wait when the service names a time that cannot be parsed."""

_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
"""A number of any length: the wait is capped at `LONGEST_WAIT`."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the service accepts another request, 0 to `LONGEST_WAIT`; None when it names no time.

    `retry-after-ms` wins over `retry-after`, which is in seconds or a date. A date is compared with the Date
    of the response, so that a wrong clock on either side does not matter.
    """
    millis = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(millis):
        return min(float(millis) / 1000, LONGEST_WAIT)
    header = headers.get("retry-after")
    if header is None:
        return VAGUE_WAIT if millis else None
    if _SECONDS.fullmatch(header.strip()):
        return min(float(header), LONGEST_WAIT)
    until = http_date(header)
    if until is None:
        return VAGUE_WAIT
    wait = _in_utc(until) - _in_utc(http_date(headers.get("date", "")) or datetime.now(UTC))
    return min(max(wait / timedelta(seconds=1), 0.0), LONGEST_WAIT)


def http_date(text: str) -> datetime | None:
    """The time in a header, naive without a time zone; None when it is not a date."""
    from email.utils import parsedate_to_datetime  # to save memory at startup

    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _in_utc(date: datetime) -> datetime:
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


MAY_COST: Final = "It may have arrived and may cost money. The worker is checked; nothing is resent."
ONLY_READ: Final = "Try again. Reading costs nothing."
"""Replaces the hint `MAY_COST` for requests that only read."""


class Phase(Enum):
    """How far a request got before it failed."""

    CONNECTING = auto()
    SENT = auto()
    BODY = auto()


class TransportErrors(NamedTuple):
    """The exceptions of httpx, by meaning."""

    all: tuple[type[Exception], ...]
    """Everything that a transport raises."""
    nothing_sent: tuple[type[Exception], ...]
    """Proof that nothing was sent: name resolution, refused, connect timeout, TLS."""
    timeout: type[Exception]
    unusable_request: tuple[type[Exception], ...]
    """The request cannot be built. The messages may quote secrets, so they are never shown."""
    not_http: type[Exception]
    proxy: type[Exception]
    """A proxy refused. The message has its status and its words, which may quote the password."""


@cache
def transport_errors() -> TransportErrors:
    """The exceptions of httpx, which is loaded with the first request."""
    import httpx  # 60 ms and 7 MB

    return TransportErrors(
        # InvalidURL, ValueError (host names that IDNA rejects) and OSError are not httpx.HTTPErrors.
        (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, ValueError, OSError),
        (httpx.ConnectError, httpx.ConnectTimeout),
        httpx.TimeoutException,
        (httpx.LocalProtocolError, httpx.InvalidURL, ValueError),
        httpx.RemoteProtocolError,
        httpx.ProxyError,
    )


def translate(problem: Exception, phase: Phase, origin: str = "the service") -> ApiError:
    """The `ApiError` for an exception of the transport. `origin`: the destination of the request."""
    if phase is Phase.CONNECTING:
        return _unreachable(problem, origin)
    if phase is Phase.BODY:
        return broken_off(_invalid_http(problem) or "the connection was lost")
    if isinstance(problem, ChangedWhileSending):
        return Doubtful(
            ErrorKind.NETWORK, "A file changed while it was being sent. The upload was aborted.", MAY_COST
        )
    if isinstance(problem, transport_errors().timeout):
        return Doubtful(ErrorKind.TIMEOUT, "The connection stalled while sending.", MAY_COST)
    why = _invalid_http(problem) or "The connection was lost before the service answered"
    return Doubtful(ErrorKind.NETWORK, f"{why}.", MAY_COST)


def _unreachable(problem: Exception, origin: str) -> ApiError:
    hint = "Check the network, the base URL and the proxy settings, then send again. Nothing was charged."
    if isinstance(problem, transport_errors().unusable_request):
        return Unreachable(ErrorKind.CONNECT, "The request could not be built. Nothing was sent.", hint)
    is_timeout = isinstance(problem, (transport_errors().timeout, TimeoutError))
    if is_timeout:
        why = "no answer in time"
    elif _invalid_http(problem):
        # Only a proxy speaks HTTP before the request; the exception quotes its bytes.
        why = "the proxy sent an invalid HTTP response"
    elif isinstance(problem, transport_errors().proxy):
        why = f"the proxy refused: {_status_in(str(problem))}".removesuffix(": ")
    else:
        why = _connect_reason(problem)
    return Unreachable(ErrorKind.CONNECT, f"Cannot reach {origin} ({why}). Nothing was sent.", hint)


def _status_in(text: str) -> str:
    """The HTTP status at the start of a text, with its usual words; "" where there is none."""
    with suppress(ValueError):
        status = HTTPStatus(int(text[:3]))
        return f"{status} {status.phrase}"
    return ""


def _connect_reason(problem: BaseException) -> str:
    """Why a connection failed, as the system reports it: httpx reports only that all attempts failed.

    asyncio reports the address ("Connect call failed …") instead of the reason.
    """
    causes: list[BaseException] = [problem]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    reasons = [
        os.strerror(cause.errno or 0) if cause.strerror.startswith("Connect call") else cause.strerror
        for cause in causes
        if isinstance(cause, OSError) and cause.strerror
    ]
    return shorten(reasons[-1] if reasons else str(problem), 200)


def _invalid_http(problem: Exception) -> str | None:
    """A description if the peer sent something other than HTTP, else None."""
    is_protocol_error = isinstance(problem, transport_errors().not_http)
    # httpx raises the same class when the connection was closed.
    is_disconnect = "disconnected" in str(problem) or "closed connection" in str(problem)
    return "The service sent an invalid HTTP response" if is_protocol_error and not is_disconnect else None


def unusable_client(problem: SettingsError) -> ApiError:
    """No client can be built, because a setting of the machine is unusable."""
    return Unreachable(ErrorKind.CONNECT, f"{problem.summary} Nothing was sent.", problem.hint)


# -- before a response -------------------------------------------------------------
def response_timeout(seconds: float) -> ApiError:
    """The request was sent, and its response headers were not complete in time."""
    return Doubtful(ErrorKind.TIMEOUT, f"The service did not answer within {seconds:g} s.", MAY_COST)


# -- within a response ---------------------------------------------------------------
def broken_off(why: str) -> ApiError:
    """A response began, and ended early."""
    return StreamLost(ErrorKind.NETWORK, f"The answer was cut off: {why}.", "What arrived is saved.")


def idle_timeout(seconds: float) -> ApiError:
    """No byte arrived for too long."""
    return StreamLost(
        ErrorKind.IDLE_TIMEOUT, f"No data for {seconds:g} s.", "The worker may still be running and charging."
    )


def read_timeout(seconds: float) -> ApiError:
    """A read took too long although bytes kept arriving."""
    return StreamLost(ErrorKind.TIMEOUT, f"Reading took longer than {seconds:g} s.", "Try again.")


def body_too_large(cap: int) -> ApiError:
    """The response is larger than the limit."""
    return StreamLost(
        ErrorKind.TOO_LARGE, f"The answer is larger than {cap:,} bytes and was cut.", "What arrived is saved."
    )


def bad_gzip(*, started: bool) -> ApiError:
    """The body is not valid gzip. `started`: its beginning was."""
    if started:
        return StreamLost(ErrorKind.ENCODING, "The compressed answer is damaged.", "What arrived is saved.")
    return BrokenContract(ErrorKind.ENCODING, "The answer is labeled gzip but is not gzip.", MAY_COST)


def unusable_encoding(encoding: str) -> ApiError:
    """The response has a content encoding that we did not accept."""
    return BrokenContract(
        ErrorKind.ENCODING, f"The answer has an unsupported encoding ({shorten(encoding, 60)}).", MAY_COST
    )


def unexpected_content(content_type: str) -> ApiError:
    """The body has a content type that this API does not use. The body is never shown."""
    if "html" in content_type:
        return BrokenContract(
            ErrorKind.UNEXPECTED_CONTENT,
            "The base URL returned a web page (HTML), perhaps a network sign-in page.",
            "Sign in to the network in a browser, and check the base URL.",
        )
    shown_type = shorten(content_type, 80) or "no content type"
    return BrokenContract(
        ErrorKind.UNEXPECTED_CONTENT,
        f"The service answered with an unexpected content type ({shown_type}).",
        "Check the base URL.",
    )


def not_json() -> ApiError:
    """The content type is JSON, but the body is not."""
    return BrokenContract(
        ErrorKind.UNEXPECTED_CONTENT, "The answer is labeled JSON but is not valid JSON.", MAY_COST
    )


def undecodable(what: str, hint: str = MAY_COST) -> ApiError:
    """`what` does not have the expected content, or exceeds our limits."""
    return BrokenContract(ErrorKind.DECODE, f"{what} could not be read.", hint)


def another_worker() -> ApiError:
    """The response is a Worker with a different id than the one in the URL."""
    return BrokenContract(ErrorKind.UNEXPECTED_CONTENT, ANOTHER_WORKER, ONLY_READ)


CANCEL_IN_DOUBT: Final = (
    "The schedule may still run, and its runs would cost money. List the schedules and cancel it again."
)
STORING_IN_DOUBT: Final = (
    "The worker may be stored. Storing it costs nothing. Look for it in the dashboard before you try again, "
    "or there may be two. Nothing is resent."
)
CHANGE_IN_DOUBT: Final = (
    "The change may have been made. You can repeat it: the result is the same, and it costs nothing."
)
RENEWAL_IN_DOUBT: Final = (
    "The token may have been replaced. Compare it with that of your receivers. Nothing was charged."
)


def in_doubt(problem: ApiError, hint: str, more: str = "") -> ApiError:
    """`problem` leaves the outcome of a request in doubt. `more` is added to its summary."""
    summary = f"{problem.summary} {more}" if more else problem.summary
    return Doubtful(problem.kind, summary, hint, http_status=problem.http_status)


@contextmanager
def outcome_may_be_in_doubt(hint: str) -> Iterator[None]:
    """Wrap one request that changes something. A failure that may follow the change becomes `in_doubt`."""
    try:
        yield
    except (Refused, Unreachable):
        raise
    except ApiError as problem:
        raise in_doubt(problem, hint) from None


def schedule_in_doubt(problem: ApiError, *, is_listed: bool) -> ApiError:
    """It is not clear whether a schedule was added. `is_listed`: the list was read and does not show it."""
    shown = (
        "The list of schedules does not show it." if is_listed else "The list of schedules cannot be read."
    )
    return in_doubt(
        problem,
        "The schedule may still be added, and its runs would cost money. List the schedules before you add "
        "it again. Nothing is resent.",
        shown,
    )


def other_generation(
    why: str, generation: str, status: int | None, retry_after_s: float | None = None
) -> ApiError:
    """The service has another `generation` of the API than the one in the settings; `why`: the evidence."""
    return Refused(
        ErrorKind.NOT_FOUND,
        f"{why} The service seems to have the {generation} generation of the API.",
        f"Use --generation {generation} (or HANDINGER_GENERATION, or generation in the config file). {_FREE}",
        http_status=status,
        retry_after_s=retry_after_s,
    )


# -- refusals -----------------------------------------------------------------------
_FREE: Final = "Nothing was charged."
_TEXTS: Final[dict[ErrorKind, tuple[str, str]]] = {
    ErrorKind.INVALID: ("The service rejected the request", f"Edit it and send again. {_FREE}"),
    ErrorKind.AUTH: ("The API key was rejected", f"Store a valid key: handinger-tui login. {_FREE}"),
    ErrorKind.PAYMENT: ("Out of credits", f"Add credits in the dashboard, then send again. {_FREE}"),
    ErrorKind.FORBIDDEN: ("Not allowed", f"The key is valid but has no access here. {_FREE}"),
    ErrorKind.NOT_FOUND: ("Not found", f"Check the id, the base URL and the API generation. {_FREE}"),
    ErrorKind.CONFLICT: ("The worker is busy", f"Watch the running turn, or send later. {_FREE}"),
    ErrorKind.TOO_LARGE: ("The request is too large", f"Shorten it or attach less. {_FREE}"),
    ErrorKind.RATE_LIMITED: ("Too many requests", f"Wait, then send again. {_FREE}"),
    ErrorKind.SERVER: ("Server error", MAY_COST),
    ErrorKind.GATEWAY: ("The service is unavailable", MAY_COST),
}
_KINDS: Final[dict[int, ErrorKind]] = {
    401: ErrorKind.AUTH,
    402: ErrorKind.PAYMENT,
    403: ErrorKind.FORBIDDEN,
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.NOT_FOUND,
    408: ErrorKind.SERVER,
    409: ErrorKind.CONFLICT,
    410: ErrorKind.NOT_FOUND,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.RATE_LIMITED,
    # A proxy stopped waiting; the service may have received the request.
    499: ErrorKind.SERVER,
    502: ErrorKind.GATEWAY,
    503: ErrorKind.GATEWAY,
    504: ErrorKind.GATEWAY,
}


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error for a response outside 2xx. `headers`: with names in lower case."""
    if 300 <= status < 400:
        return redirect_refused(status, headers.get("location", ""))
    if status < 200:
        return BrokenContract(
            ErrorKind.UNEXPECTED_CONTENT, f"The service sent an unexpected status ({status}).", MAY_COST
        )
    kind = _KINDS.get(status) or (ErrorKind.INVALID if status < 500 else ErrorKind.SERVER)
    summary, hint = _TEXTS[kind]
    why = reason(headers.get("content-type", ""), body)
    summary = f"{summary} ({status}): {_sentence(why)}" if why else f"{summary} ({status})."
    error_class = ServerFault if kind in (ErrorKind.SERVER, ErrorKind.GATEWAY) else Refused
    return error_class(kind, summary, hint, http_status=status, retry_after_s=retry_after(headers))


def _sentence(text: str) -> str:
    """A reason with a full stop, since other sentences may follow it."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def redirect_refused(status: int, location: str) -> ApiError:
    """A redirect of an API call, which would send the request and the key to another address."""
    try:
        host = urlsplit(location).netloc.rpartition("@")[2] or "another page on the same host"
    except ValueError:
        host = "an invalid address"
    return Refused(
        ErrorKind.REDIRECT,
        f"The service redirects to {shorten(host, 200)} ({status}). The redirect was not followed.",
        f"If that is the new address of the service, set it as the base URL. {_FREE}",
        http_status=status,
    )


def error_object(status: int, why: str) -> ApiError:
    """A 2xx response whose body is an error object."""
    summary, hint = _TEXTS[ErrorKind.INVALID]
    return Refused(ErrorKind.INVALID, f"{summary}: {_sentence(shorten(why))}", hint, http_status=status)


def bad_segment(what: str) -> ApiError:
    """An id cannot be used in a path; nothing was sent."""
    return Refused(ErrorKind.INVALID, f"Not a usable {what}. Nothing was sent.", "Check it and try again.")


# -- files ----------------------------------------------------------------------------------
def unsafe_url(why: str) -> ApiError:
    """The URL of a file is unsafe and was not fetched."""
    return Refused(ErrorKind.UNSAFE_URL, f"Not opened: {why}.", "Nothing was downloaded.")


def reword_for_file(problem: ApiError, *, of_local_worker: bool) -> None:
    """Reword an error for a file that could not be read; the original is about a message that was sent.

    `of_local_worker`: the URL is on this computer, but is not that of the service.
    """
    problem.summary = problem.summary.removesuffix(" Nothing was sent.")
    if problem.kind is ErrorKind.NOT_FOUND:
        problem.hint = "The service no longer has the file. Ask the worker for it again."
    elif of_local_worker and isinstance(problem, Unreachable):
        problem.hint = "The local worker that made it has ended, and its files with it."
    else:
        problem.hint = problem.hint.removesuffix(_FREE).replace("send again", "try again").rstrip()


def not_a_file(status: int) -> ApiError:
    """The response is successful, but contains no file."""
    return BrokenContract(
        ErrorKind.UNEXPECTED_CONTENT,
        f"The response ({status}) contains no file.",
        "Ask the worker for the file again.",
    )


def too_many_redirects(limit: int) -> ApiError:
    """The URL of a file redirects too often."""
    return Refused(
        ErrorKind.REDIRECT,
        f"The link to the file redirected more than {limit} times.",
        "Ask the worker for the file again.",
    )


def file_too_large(limit: int) -> ApiError:
    """A file is larger than the limit."""
    return StreamLost(
        ErrorKind.TOO_LARGE,
        f"The file is larger than {limit:,} bytes and was not saved.",
        "Raise HANDINGER_MAX_FILE_BYTES.",
    )


def file_incomplete(got: int, wanted: int | None) -> ApiError:
    """A file ended early, or is larger than announced. `got`, `wanted`: bytes."""
    if wanted is not None and got > wanted:
        return StreamLost(
            ErrorKind.INCOMPLETE,
            f"The file is larger than the {wanted:,} bytes announced and was not saved.",
            "Read the worker again (free) to get the current file.",
        )
    of = f" of {wanted:,}" if wanted is not None else ""
    return StreamLost(
        ErrorKind.INCOMPLETE, f"The file is incomplete ({got:,}{of} bytes) and was not saved.", "Try again."
    )


def file_changed() -> ApiError:
    """A file changed while it was downloaded."""
    return StreamLost(
        ErrorKind.INCOMPLETE, "The file changed during the download and was not saved.", "Try again."
    )


def file_stalled(got: int) -> ApiError:
    """A download received no more bytes."""
    return StreamLost(
        ErrorKind.IDLE_TIMEOUT,
        f"The download stalled after {got:,} bytes. The file was not saved.",
        "Try again.",
    )


def link_expired(refusal: ApiError, host: str) -> ApiError:
    """The URL of a file was refused, and is signed or belongs to another host than the service."""
    return LinkExpired(
        refusal.kind,
        f"{shorten(host, 200)} refused the link to the file ({refusal.http_status}). It may have expired.",
        "Read the worker again (free) to renew the link.",
        http_status=refusal.http_status,
        retry_after_s=refusal.retry_after_s,
    )


def disk_error(problem: OSError) -> ApiError:
    """The file could not be written."""
    why = problem.strerror or type(problem).__name__
    return ApiError(
        ErrorKind.DISK, f"The file could not be saved: {shorten(why, 200)}.", "Choose another folder."
    )
