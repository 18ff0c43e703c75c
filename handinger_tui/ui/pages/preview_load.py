"""Loading a preview: convert the bytes of a file to what its preview shows.

It runs in a thread. Every text in the result is clean.
"""

from __future__ import annotations

import io
import logging
import re
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.formatting import plural, size
from handinger_tui.core.preview.kinds import HEAD, PreviewKind, Shape, TextModel, read_text, sniff
from handinger_tui.core.preview.pictures import Picture, check_picture
from handinger_tui.core.preview.tables import TableModel, TableReader, table_of_value
from handinger_tui.core.preview.tree import Node, tree_of_json
from handinger_tui.core.safety import clean
from handinger_tui.ui.background import CancelToken, Stopped
from handinger_tui.ui.pages.page_view import TextView, code_rows_of, markdown_rows, message_rows, plain_rows
from handinger_tui.ui.transcript.markdown.code import MAX_HIGHLIGHTED, MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


# -- PDF ---------------------------------------------------------------------------
PDF_PAGES: Final = 20
PDF_SECONDS: Final = 20.0
"""Time limit in seconds after which no further page is read."""
PDF_EXTRA: Final = "install the pdf extra to read its text here: pip install 'handinger-tui[pdf]'"
_VERSION: Final = re.compile(rb"%PDF-(\d\.\d)")
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")


class PdfText(Struct, frozen=True):
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
        return PdfText(about, ("too large to read here; save it to open it",), ("Not shown.",))
    if not has_pypdf():
        page_count = len(_PAGE.findall(data))
        pages = f"{about} · at least {plural(page_count, 'page')}" if page_count else about
        return PdfText(pages, (), (PDF_EXTRA,))
    try:
        return _read_with_pypdf(data, about, cancel_token)
    except Stopped:
        raise
    except Exception as problem:  # noqa: BLE001 - a library may raise anything on untrusted bytes
        return PdfText(about, (f"cannot be read: {clean(type(problem).__name__)}",), ("Not shown.",))


def _read_with_pypdf(data: bytes, about: str, cancel_token: CancelToken) -> PdfText:
    # pypdf is the optional extra `pdf` (2 MB, 150 ms to import). Its warnings would go to an unused log.
    from pypdf import PdfReader  # an optional extra, slow to import

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted:
        return PdfText(about, ("encrypted; save it to open it",), ("Not shown.",))
    total, deadline = len(reader.pages), monotonic() + PDF_SECONDS
    lines: list[str] = []
    read = 0
    for page in reader.pages:
        cancel_token.check()
        if read >= PDF_PAGES or monotonic() > deadline:
            break
        text = clean(page.extract_text() or "")
        lines += [f"— page {read + 1} —", *text.split("\n"), ""]
        read += 1
    notes: tuple[str, ...] = () if read == total else (f"only the first {plural(read, 'page')}",)
    empty = not any(line and not line.startswith("— page") for line in lines)
    notes += ("no text found (perhaps scanned pages)",) if empty else ()
    return PdfText(f"{plural(total, 'page')}", notes, tuple(lines) or ("Not shown.",))


MOST: Final = 8 << 20
"""Maximum number of bytes of a file that are read for a preview."""
LONGEST_MARKDOWN: Final = 300_000
"""Maximum number of characters laid out as Markdown: about two seconds."""

ROW: Final = 16
"""Bytes in a line of a hex dump."""
ROWS: Final = 64
"""Lines of a hex dump."""

Body = TextView | TableModel | Node | Picture
"""What a view shows: text rows, a table, a tree or a picture."""


class Subject(Struct, frozen=True):
    """A file to preview. `complete`: `data` is all of it; `total` is the file size, None if unknown."""

    name: str
    media_type: str
    data: bytes
    complete: bool
    total: int | None = None


class Facet(Struct, frozen=True):
    """One view of a file: "tree", "table", "source"."""

    name: str
    make: Callable[[], Body]
    """Creates the body; may take long."""


class Loaded(Struct, frozen=True):
    """A loaded preview.

    `what` is the kind ("CSV table"), `counted` its extent ("1,200 rows × 8 columns"). `notes` say what is
    missing or unusual, and why.
    """

    what: str
    counted: str
    notes: tuple[str, ...]
    facets: tuple[Facet, ...]
    size: int | None = None
    """Size of the complete file in bytes, None if unknown."""


class LoadTask(Struct, frozen=True):
    """A file being loaded. `report_progress` receives a short text; `cancel_token` stops the work."""

    subject: Subject
    kind: PreviewKind
    cancel_token: CancelToken
    report_progress: Callable[[str], None]

    @property
    def data(self) -> bytes:
        """The bytes of the file that were read."""
        return self.subject.data

    @property
    def complete(self) -> bool:
        """Whether `data` is the complete file."""
        return self.subject.complete


def load(subject: Subject, cancel_token: CancelToken, report_progress: Callable[[str], None]) -> Loaded:
    """Load the preview of a file.

    What cannot be shown is replaced by a message.

    Raises:
        Stopped: `cancel_token` was stopped; nothing else is raised.
    """
    kind = sniff(subject.name, subject.media_type, subject.data[:HEAD])
    notes: tuple[str, ...] = () if subject.complete else (_cut_note(subject),)
    notes += (kind.note,) if kind.note else ()
    cancel_token.check()
    loaded = KINDS[kind.shape](LoadTask(subject, kind, cancel_token, report_progress))
    total = len(subject.data) if subject.complete else subject.total
    return Loaded(loaded.what, loaded.counted, (*notes, *loaded.notes), loaded.facets, total)


def _cut_note(subject: Subject) -> str:
    of = f" of {size(subject.total)}" if subject.total is not None else ""
    return f"only the first {size(len(subject.data))}{of}"


def _empty(_task: LoadTask) -> Loaded:
    return Loaded("empty file", "", (), (_message("The file is empty."),))


def _table(task: LoadTask) -> Loaded:
    delimiter = "\t" if task.kind.shape is Shape.TSV else None
    reader = TableReader(task.data, delimiter, complete=task.complete)
    while reader.step():
        task.cancel_token.check()
        task.report_progress(f"reading the table · {plural(reader.total, 'row')}")
    model = reader.model()
    what = f"{task.kind.shape.upper()} table"
    return Loaded(what, model.counted, model.notes, (Facet("table", lambda: model), _source(task)))


def _json(task: LoadTask) -> Loaded:
    if not task.complete:
        source = _code(task)
        return Loaded("JSON", source.counted, ("truncated JSON, shown as text", *source.notes), source.facets)
    task.report_progress("reading the document")
    tree = tree_of_json(task.data, pause=task.cancel_token.check)
    root = tree.root
    if root is None:
        source = _code(task)
        return Loaded("JSON", source.counted, (*tree.notes, *source.notes), source.facets)
    facets = [Facet("tree", lambda: root)]
    if may_be_table(root.value):
        facets.append(Facet("table", lambda: table_of_value(root.value) or message_rows("Not a table.")))
    return Loaded(
        "JSON", root.text if root.children else root.kind, tree.notes, (*facets, _source(task, "json"))
    )


def may_be_table(value: object) -> bool:
    """Whether a value may be a table: a list that begins with an object or a list. A cheap check."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict | list)


def _image(task: LoadTask) -> Loaded:
    image = check_picture(task.data, task.kind.detail, complete=task.complete)
    picture = image.picture
    facet = _message(f"{image.why[:1].upper()}{image.why[1:]}.")
    if picture is not None:
        facet = Facet("picture", lambda: picture)
    return Loaded(image.what, image.counted, (), (facet,))


def _pdf(task: LoadTask) -> Loaded:
    task.report_progress("reading the pages")
    pdf = read_pdf(task.data, complete=task.complete, cancel_token=task.cancel_token)
    return Loaded("PDF", pdf.counted, pdf.notes, (Facet("text", lambda: plain_rows(pdf.lines, 0)),))


def _binary(task: LoadTask) -> Loaded:
    rows = hex_rows(task.data)
    extent = f"the first {len(rows) * ROW:,} bytes" if len(task.data) > len(rows) * ROW else ""
    bytes_ = Facet("bytes", lambda: plain_rows(rows, 0))
    return Loaded(task.kind.detail or "binary data", extent, (), (bytes_,))


def hex_rows(data: bytes) -> list[str]:
    """Return at most `ROWS` lines: offset, sixteen bytes in hex, and their printable ASCII characters."""
    rows = []
    for at in range(0, min(len(data), ROW * ROWS), ROW):
        piece = data[at : at + ROW]
        halves = "  ".join(" ".join(f"{byte:02x}" for byte in half) for half in (piece[:8], piece[8:]))
        letters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in piece)
        rows.append(f"{at:06x}  {halves:<48}  {letters}")
    return rows


def _text(task: LoadTask) -> Loaded:
    model = read_text(task.data, complete=task.complete)
    return Loaded("text", _extent(model), model.notes, (Facet("text", lambda: plain_rows(model.lines)),))


def _markdown(task: LoadTask) -> Loaded:
    model = read_text(task.data, complete=task.complete)
    text, notes = model.text, model.notes
    if len(text) > LONGEST_MARKDOWN:
        notes += (f"longer than {LONGEST_MARKDOWN:,} characters, shown as source",)
        return Loaded("Markdown", _extent(model), notes, (_source(task),))
    return Loaded(
        "Markdown", _extent(model), notes, (Facet("page", lambda: markdown_rows(text)), _source(task))
    )


def _code(task: LoadTask) -> Loaded:
    language = "json" if task.kind.shape is Shape.JSON else task.kind.detail
    model = read_text(task.data, complete=task.complete)
    notes = model.notes
    if language and (len(model.text) > MAX_HIGHLIGHTED or max(map(len, model.lines), default=0) > MAX_LINE):
        notes += ("too long to highlight",)
    facet = Facet("code", lambda: code_rows_of(model.lines, language))
    return Loaded(f"{language} source" if language else "source", _extent(model), notes, (facet,))


def _extent(model: TextModel) -> str:
    return model.counted if model.encoding in ("UTF-8", "") else f"{model.counted} · {model.encoding}"


def _source(task: LoadTask, language: str = "") -> Facet:
    """Return the view of the unformatted file text."""

    def make_rows() -> TextView:
        lines = read_text(task.data, complete=task.complete).lines
        return code_rows_of(lines, language) if language else plain_rows(lines)

    return Facet("source", make_rows)


def _message(text: str) -> Facet:
    return Facet("words", lambda: message_rows(text))


KINDS: Final[Mapping[Shape, Callable[[LoadTask], Loaded]]] = {
    Shape.EMPTY: _empty,
    Shape.TEXT: _text,
    Shape.MARKDOWN: _markdown,
    Shape.CODE: _code,
    Shape.JSON: _json,
    Shape.CSV: _table,
    Shape.TSV: _table,
    Shape.IMAGE: _image,
    Shape.PDF: _pdf,
    Shape.BINARY: _binary,
}
