"""PDF: the text of the first pages, where the optional extra `pdf` is installed; else what can be said."""

from __future__ import annotations

import io
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
"""After which no further page is begun."""
EXTRA: Final = "install the pdf extra to read its text here: pip install 'handinger-tui[pdf]'"
_VERSION: Final = re.compile(rb"%PDF-(\d\.\d)")
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")


@dataclass(frozen=True, slots=True)
class PdfText:
    """`lines` is never empty."""

    counted: str
    notes: tuple[str, ...]
    lines: tuple[str, ...]


def has_pypdf() -> bool:
    """The optional extra `pdf` is installed."""
    try:
        return find_spec("pypdf") is not None
    except (ValueError, ImportError):
        return False


def read_pdf(data: bytes, *, whole: bool, going: CancelToken) -> PdfText:
    """The text of a PDF. Never raises but `Stopped`."""
    version = _VERSION.search(data[:1024])
    about = f"version {version[1].decode()}" if version else ""
    if not whole:
        return PdfText(about, ("too large to be read here: save it to see it",), ("Not read.",))
    if not has_pypdf():
        seen = len(_PAGE.findall(data))
        pages = f"{about} · at least {plural(seen, 'page')}" if seen else about
        return PdfText(pages, (), (EXTRA,))
    try:
        return _by_pypdf(data, about, going)
    except Stopped:
        raise
    except Exception as problem:  # noqa: BLE001 - whatever a library raises about bytes from outside
        return PdfText(about, (f"it cannot be read: {clean(type(problem).__name__)}",), ("Not read.",))


def _by_pypdf(data: bytes, about: str, going: CancelToken) -> PdfText:
    # pypdf, 2 MB and 150 ms: the optional extra `pdf`. It reports oddities to a log nobody sees here.
    import logging  # noqa: PLC0415 - with it

    from pypdf import PdfReader  # noqa: PLC0415 - as said above

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted:
        return PdfText(about, ("it is encrypted: save it to see it",), ("Not read.",))
    total, until = len(reader.pages), monotonic() + SECONDS
    lines: list[str] = []
    read = 0
    for page in reader.pages:
        going.check()
        if read >= PAGES or monotonic() > until:
            break
        text = clean(page.extract_text() or "")
        lines += [f"— page {read + 1} —", *text.split("\n"), ""]
        read += 1
    notes: tuple[str, ...] = () if read == total else (f"only the first {plural(read, 'page')}",)
    empty = not any(line and not line.startswith("— page") for line in lines)
    notes += ("its pages hold no text, perhaps pictures of it",) if empty else ()
    return PdfText(f"{plural(total, 'page')}", notes, tuple(lines) or ("Not read.",))
