"""PDF previews: the text of the first pages if the optional extra `pdf` is installed, else a summary."""

from __future__ import annotations

import io
import logging
import re
from dataclasses import dataclass
from importlib.util import find_spec
from time import monotonic
from typing import Final

from handinger_tui.core.formatting import plural
from handinger_tui.core.safety.cleaning import clean
from handinger_tui.ui.background import CancelToken, Stopped

PAGES: Final = 20
SECONDS: Final = 20.0
"""Time limit in seconds after which no further page is read."""
EXTRA: Final = "install the pdf extra to read its text here: pip install 'handinger-tui[pdf]'"
_VERSION: Final = re.compile(rb"%PDF-(\d\.\d)")
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")


@dataclass(frozen=True, slots=True)
class PdfText:
    """The preview of a PDF; `lines` is never empty."""

    counted: str
    notes: tuple[str, ...]
    lines: tuple[str, ...]


def has_pypdf() -> bool:
    """Whether the optional extra `pdf` is installed."""
    try:
        return find_spec("pypdf") is not None
    except (ValueError, ImportError):
        return False


def read_pdf(data: bytes, *, complete: bool, cancel_token: CancelToken) -> PdfText:
    """Read the text of a PDF. `complete` means that `data` is the complete file.

    Raises:
        Stopped: `cancel_token` was stopped; nothing else is raised.
    """
    version = _VERSION.search(data[:1024])
    about = f"version {version[1].decode()}" if version else ""
    if not complete:
        return PdfText(about, ("too large to be read here: save it to see it",), ("Not read.",))
    if not has_pypdf():
        page_count = len(_PAGE.findall(data))
        pages = f"{about} · at least {plural(page_count, 'page')}" if page_count else about
        return PdfText(pages, (), (EXTRA,))
    try:
        return _read_with_pypdf(data, about, cancel_token)
    except Stopped:
        raise
    except Exception as problem:  # noqa: BLE001 - a library may raise anything on untrusted bytes
        return PdfText(about, (f"it cannot be read: {clean(type(problem).__name__)}",), ("Not read.",))


def _read_with_pypdf(data: bytes, about: str, cancel_token: CancelToken) -> PdfText:
    # pypdf is the optional extra `pdf` (2 MB, 150 ms to import). Its warnings would go to an unused log.
    from pypdf import PdfReader  # noqa: PLC0415 - an optional extra, slow to import

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted:
        return PdfText(about, ("it is encrypted: save it to see it",), ("Not read.",))
    total, deadline = len(reader.pages), monotonic() + SECONDS
    lines: list[str] = []
    read = 0
    for page in reader.pages:
        cancel_token.check()
        if read >= PAGES or monotonic() > deadline:
            break
        text = clean(page.extract_text() or "")
        lines += [f"— page {read + 1} —", *text.split("\n"), ""]
        read += 1
    notes: tuple[str, ...] = () if read == total else (f"only the first {plural(read, 'page')}",)
    empty = not any(line and not line.startswith("— page") for line in lines)
    notes += ("its pages hold no text, perhaps pictures of it",) if empty else ()
    return PdfText(f"{plural(total, 'page')}", notes, tuple(lines) or ("Not read.",))
