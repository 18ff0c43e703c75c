"""Errors of the API layer: the translation of transport exceptions, and one constructor per failure."""

from __future__ import annotations

import html
import os
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple
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
from handinger_tui.core.turns.turn import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_REASON_BYTES: Final = 800
"""Bytes of a quoted reason, so that a summary with its own text stays below 1 kB."""

_TITLE: Final = re.compile(r"<title[^>]{0,200}>(.{0,2000}?)</title", re.IGNORECASE | re.DOTALL)
_LOOKS_LIKE_JSON: Final = ("{", "[", '"')


class ChangedWhileSending(OSError):
    """A file changed during its upload. The request is aborted, so that no server accepts it as complete."""


def shorten(text: str, limit: int = MAX_REASON_BYTES) -> str:
    """`clean_line`, shortened to at most `limit` bytes of UTF-8."""
    line = clean_line(text, limit)
    raw = line.encode("utf-8", "replace")
    return line if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore") + "…"


def reason(content_type: str, body: bytes) -> str:
    """The reason in an error body of any shape; "" when it has no readable one."""
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
    """Seconds until the service accepts another request, 0 to 3600; None when it names none.

    `retry-after-ms` wins; `retry-after` is seconds or a date. A date is compared
    with the response's own Date, so that a wrong clock on either side cancels out.
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
    """The time in a header; naive where it names no zone, None where it is no date."""
    from email.utils import parsedate_to_datetime  # memory that a start has no use for

    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _in_utc(date: datetime) -> datetime:
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


MAY_COST: Final = "It may have arrived and may cost money. The worker is checked; nothing is resent."
ONLY_READ: Final = "Try again. Reading costs nothing."
"""The hint that replaces `MAY_COST` for requests that only read."""


class Phase(Enum):
    """How far a request got before it failed."""

    CONNECTING = auto()
    SENT = auto()
    BODY = auto()


class TransportErrors(NamedTuple):
    """The exceptions of httpx by what they mean."""

    all: tuple[type[Exception], ...]
    """All that a transport raises."""
    nothing_sent: tuple[type[Exception], ...]
    """They prove that nothing was sent: name resolution, refused, connect timeout, TLS."""
    timeout: type[Exception]
    unusable_request: tuple[type[Exception], ...]
    """Their messages may quote header values and URLs."""
    not_http: type[Exception]


@cache
def transport_errors() -> TransportErrors:
    """Looked up late: httpx is loaded with the first request."""
    import httpx  # 60 ms and 7 MB, with the first request

    return TransportErrors(
        # InvalidURL, ValueError (host names that IDNA rejects) and OSError are not httpx.HTTPErrors.
        (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, ValueError, OSError),
        (httpx.ConnectError, httpx.ConnectTimeout),
        httpx.TimeoutException,
        (httpx.LocalProtocolError, httpx.InvalidURL, ValueError),
        httpx.RemoteProtocolError,
    )


def translate(problem: Exception, phase: Phase, origin: str = "the service") -> ApiError:
    """The `ApiError` for an exception of the transport; `origin` is where the request was to go."""
    if phase is Phase.CONNECTING:
        return _unreachable(problem, origin)
    if phase is Phase.BODY:
        return broken_off(_invalid_http(problem) or "the connection was lost")
    if isinstance(problem, ChangedWhileSending):
        return Doubtful(
            Kind.NETWORK, "A file changed while it was being sent. The upload was aborted.", MAY_COST
        )
    if isinstance(problem, transport_errors().timeout):
        return Doubtful(Kind.TIMEOUT, "The connection stalled while sending.", MAY_COST)
    why = _invalid_http(problem) or "The connection was lost before the service answered"
    return Doubtful(Kind.NETWORK, f"{why}.", MAY_COST)


def _unreachable(problem: Exception, origin: str) -> ApiError:
    hint = "Check the network, the base URL and the proxy settings, then send again. Nothing was charged."
    if isinstance(problem, transport_errors().unusable_request):
        return Unreachable(Kind.CONNECT, "The request could not be built. Nothing was sent.", hint)
    is_timeout = isinstance(problem, (transport_errors().timeout, TimeoutError))
    why = "no answer in time" if is_timeout else _connect_reason(problem)
    return Unreachable(Kind.CONNECT, f"Cannot reach {origin} ({why}). Nothing was sent.", hint)


def _connect_reason(problem: BaseException) -> str:
    """Why no connection came about, as the system reports it: httpx says only that all attempts failed.

    asyncio puts the address where the reason belongs ("Connect call failed").
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
    # httpx uses the same class for a plain end of the connection.
    is_disconnect = "disconnected" in str(problem) or "closed connection" in str(problem)
    return "The service sent an invalid HTTP response" if is_protocol_error and not is_disconnect else None


def unusable_client(problem: SettingsError) -> ApiError:
    """A setting of the machine is unusable, so no client can be built."""
    return Unreachable(Kind.CONNECT, f"{problem.summary} Nothing was sent.", problem.hint)


# -- before a response -------------------------------------------------------------
def response_timeout(seconds: float) -> ApiError:
    """The request was sent and no complete headers came in time."""
    return Doubtful(Kind.TIMEOUT, f"The service did not answer within {seconds:g} s.", MAY_COST)


# -- within a response ---------------------------------------------------------------
def broken_off(why: str) -> ApiError:
    """A response began and did not reach its end."""
    return StreamLost(Kind.NETWORK, f"The answer was cut off: {why}.", "What arrived is saved.")


def idle_timeout(seconds: float) -> ApiError:
    """No byte came for too long."""
    return StreamLost(
        Kind.IDLE_TIMEOUT, f"No data for {seconds:g} s.", "The worker may still be running and charging."
    )


def read_timeout(seconds: float) -> ApiError:
    """A read that should be quick took too long although bytes kept coming."""
    return StreamLost(Kind.TIMEOUT, f"Reading took longer than {seconds:g} s.", "Try again.")


def body_too_large(cap: int) -> ApiError:
    """The response is larger than the limit."""
    return StreamLost(
        Kind.TOO_LARGE, f"The answer is larger than {cap:,} bytes and was cut.", "What arrived is saved."
    )


def bad_gzip(*, started: bool) -> ApiError:
    """The bytes are not in the encoding that `Content-Encoding` names."""
    if started:
        return StreamLost(Kind.ENCODING, "The compressed answer is damaged.", "What arrived is saved.")
    return BrokenContract(Kind.ENCODING, "The answer is labeled gzip but is not gzip.", MAY_COST)


def unusable_encoding(encoding: str) -> ApiError:
    """The response has an encoding that we did not accept."""
    return BrokenContract(
        Kind.ENCODING, f"The answer has an unsupported encoding ({shorten(encoding, 60)}).", MAY_COST
    )


def unexpected_content(content_type: str) -> ApiError:
    """The body has a content type that this API does not use; it is never shown."""
    if "html" in content_type:
        return BrokenContract(
            Kind.UNEXPECTED_CONTENT,
            "The base URL returned a web page (HTML), perhaps a network sign-in page.",
            "Sign in to the network in a browser, and check the base URL.",
        )
    shown_type = shorten(content_type, 80) or "no content type"
    return BrokenContract(
        Kind.UNEXPECTED_CONTENT,
        f"The service answered with an unexpected content type ({shown_type}).",
        "Check the base URL.",
    )


def not_json() -> ApiError:
    """The body is labeled JSON and is not JSON."""
    return BrokenContract(
        Kind.UNEXPECTED_CONTENT, "The answer is labeled JSON but is not valid JSON.", MAY_COST
    )


def undecodable(what: str, hint: str = MAY_COST) -> ApiError:
    """The JSON has not the expected content, or exceeds our limits."""
    return BrokenContract(Kind.DECODE, f"{what} could not be read.", hint)


def another_worker() -> ApiError:
    """The response is a Worker with another id than the one in the URL."""
    return BrokenContract(Kind.UNEXPECTED_CONTENT, ANOTHER_WORKER, ONLY_READ)


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
    """The outcome of a request that failed so is not clear; `more` follows what happened."""
    summary = f"{problem.summary} {more}" if more else problem.summary
    return Doubtful(problem.kind, summary, hint, http_status=problem.http_status)


@contextmanager
def doubted(hint: str) -> Iterator[None]:
    """Run one request that changes something; a failure that does not prove that it did not is in doubt."""
    try:
        yield
    except (Refused, Unreachable):
        raise
    except ApiError as problem:
        raise in_doubt(problem, hint) from None


def schedule_in_doubt(problem: ApiError, *, is_listed: bool) -> ApiError:
    """Whether a schedule was added is not clear; `is_listed`: a list was read that does not show it."""
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
    """The answer shows that the service has another generation of the API than the one in the settings."""
    return Refused(
        Kind.NOT_FOUND,
        f"{why} The service seems to have the {generation} generation of the API.",
        f"Use --generation {generation} (or HANDINGER_GENERATION, or generation in the config file). {_FREE}",
        http_status=status,
        retry_after_s=retry_after_s,
    )


# -- refusals -----------------------------------------------------------------------
_FREE: Final = "Nothing was charged."
_TEXTS: Final[dict[Kind, tuple[str, str]]] = {
    Kind.INVALID: ("The service rejected the request", f"Edit it and send again. {_FREE}"),
    Kind.AUTH: ("The API key was rejected", f"Set HANDINGER_API_KEY to a valid key. {_FREE}"),
    Kind.PAYMENT: ("Out of credits", f"Add credits in the dashboard, then send again. {_FREE}"),
    Kind.FORBIDDEN: ("Not allowed", f"The key is valid but has no access here. {_FREE}"),
    Kind.NOT_FOUND: ("Not found", f"Check the id, the base URL and the API generation. {_FREE}"),
    Kind.CONFLICT: ("The worker is busy", f"Watch the running turn, or send later. {_FREE}"),
    Kind.TOO_LARGE: ("The request is too large", f"Shorten it or attach less. {_FREE}"),
    Kind.RATE_LIMITED: ("Too many requests", f"Wait, then send again. {_FREE}"),
    Kind.SERVER: ("Server error", MAY_COST),
    Kind.GATEWAY: ("The service is unavailable", MAY_COST),
}
_KINDS: Final[dict[int, Kind]] = {
    401: Kind.AUTH,
    402: Kind.PAYMENT,
    403: Kind.FORBIDDEN,
    404: Kind.NOT_FOUND,
    405: Kind.NOT_FOUND,
    408: Kind.SERVER,
    409: Kind.CONFLICT,
    410: Kind.NOT_FOUND,
    413: Kind.TOO_LARGE,
    429: Kind.RATE_LIMITED,
    # A proxy gave up waiting; the service may have the request.
    499: Kind.SERVER,
    502: Kind.GATEWAY,
    503: Kind.GATEWAY,
    504: Kind.GATEWAY,
}


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error for a response outside 2xx. The names in `headers` are lower case."""
    if 300 <= status < 400:
        return redirect_refused(status, headers.get("location", ""))
    if status < 200:
        return BrokenContract(
            Kind.UNEXPECTED_CONTENT, f"The service sent an unexpected status ({status}).", MAY_COST
        )
    kind = _KINDS.get(status) or (Kind.INVALID if status < 500 else Kind.SERVER)
    summary, hint = _TEXTS[kind]
    why = reason(headers.get("content-type", ""), body)
    summary = f"{summary} ({status}): {_sentence(why)}" if why else f"{summary} ({status})."
    error_class = ServerFault if kind in (Kind.SERVER, Kind.GATEWAY) else Refused
    return error_class(kind, summary, hint, http_status=status, retry_after_s=retry_after(headers))


def _sentence(text: str) -> str:
    """A reason of the service with a full stop, since other sentences may follow it."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def redirect_refused(status: int, location: str) -> ApiError:
    """A redirect of an API call. It is not followed, since request and key would go to another address."""
    try:
        host = urlsplit(location).netloc.rpartition("@")[2] or "another page on the same host"
    except ValueError:
        host = "an invalid address"
    return Refused(
        Kind.REDIRECT,
        f"The service redirects to {shorten(host, 200)} ({status}). The redirect was not followed.",
        f"If that is the new address of the service, set it as the base URL. {_FREE}",
        http_status=status,
    )


def error_object(status: int, why: str) -> ApiError:
    """A 2xx response whose body is an error object."""
    summary, hint = _TEXTS[Kind.INVALID]
    return Refused(Kind.INVALID, f"{summary}: {_sentence(shorten(why))}", hint, http_status=status)


def bad_segment(what: str) -> ApiError:
    """An id cannot be used in a path; nothing was sent."""
    return Refused(Kind.INVALID, f"Not a usable {what}. Nothing was sent.", "Check it and try again.")


# -- files ----------------------------------------------------------------------------------
def unsafe_url(why: str) -> ApiError:
    """A file URL is unsafe and is not fetched."""
    return Refused(Kind.UNSAFE_URL, f"Not opened: {why}.", "Nothing was downloaded.")


def reword_for_file(problem: ApiError, *, of_local_worker: bool) -> None:
    """Use the words of a file that could not be read: no message was to be sent or charged.

    `of_local_worker`: its address is on this computer, but not that of the service.
    """
    problem.summary = problem.summary.removesuffix(" Nothing was sent.")
    if problem.kind is Kind.NOT_FOUND:
        problem.hint = "The service no longer has the file. Ask the worker for it again."
    elif of_local_worker and isinstance(problem, Unreachable):
        problem.hint = "The local worker that made it has ended, and its files with it."
    else:
        problem.hint = problem.hint.removesuffix(_FREE).replace("send again", "try again").rstrip()


def not_a_file(status: int) -> ApiError:
    """The response is successful and holds no file."""
    return BrokenContract(
        Kind.UNEXPECTED_CONTENT,
        f"The response ({status}) contains no file.",
        "Ask the worker for the file again.",
    )


def too_many_redirects(limit: int) -> ApiError:
    """A file's URL redirects too often."""
    return Refused(
        Kind.REDIRECT,
        f"The link to the file redirected more than {limit} times.",
        "Ask the worker for the file again.",
    )


def file_too_large(limit: int) -> ApiError:
    """A file is larger than the limit."""
    return StreamLost(
        Kind.TOO_LARGE,
        f"The file is larger than {limit:,} bytes and was not saved.",
        "Raise HANDINGER_MAX_FILE_BYTES.",
    )


def file_incomplete(got: int, wanted: int | None = None) -> ApiError:
    """A file ended early, or is longer than it should be."""
    if wanted is not None and got > wanted:
        return StreamLost(
            Kind.INCOMPLETE,
            f"The file is larger than the {wanted:,} bytes announced and was not saved.",
            "Read the worker again (free) to get the current file.",
        )
    of = f" of {wanted:,}" if wanted is not None else ""
    return StreamLost(
        Kind.INCOMPLETE, f"The file is incomplete ({got:,}{of} bytes) and was not saved.", "Try again."
    )


def file_changed() -> ApiError:
    """A file changed while it was fetched; parts of two versions are never combined."""
    return StreamLost(
        Kind.INCOMPLETE, "The file changed during the download and was not saved.", "Try again."
    )


def file_stalled(got: int) -> ApiError:
    """A download received no more bytes."""
    return StreamLost(
        Kind.IDLE_TIMEOUT, f"The download stalled after {got:,} bytes. The file was not saved.", "Try again."
    )


def link_expired(refusal: ApiError, host: str) -> ApiError:
    """A file's URL was refused, and it was signed or belongs to another host than the service."""
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
    return ApiError(Kind.DISK, f"The file could not be saved: {shorten(why, 200)}.", "Choose another folder.")
