"""Load: bytes of a file → what its preview shows. Runs in a thread; every text in the result is clean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from handinger_tui.core.formatting import plural, size
from handinger_tui.core.preview.kinds import HEAD, PreviewKind, Shape, sniff
from handinger_tui.core.preview.tables import TableModel, TableReader, table_of_value
from handinger_tui.core.preview.text import TextModel, read_text
from handinger_tui.core.preview.tree import Node, tree_of_json
from handinger_tui.ui.background import CancelToken
from handinger_tui.ui.preview.hex import ROW, hex_rows
from handinger_tui.ui.preview.pdf import read_pdf
from handinger_tui.ui.preview.pictures import Picture, picture_of
from handinger_tui.ui.preview.rows import RowsFor, code_rows_of, markdown_rows, plain_rows, words
from handinger_tui.ui.transcript.markdown.code import MAX_COLOURED, MAX_LINE

MOST: Final = 8 << 20
"""Bytes of a file that are looked at."""
LONGEST_MARKDOWN: Final = 300_000
"""Characters that are laid out as Markdown: about two seconds."""

Body = RowsFor | TableModel | Node | Picture
"""What a view shows: rows for a width, a table, a tree, a picture."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A file to look at. `whole`: `data` is all of it; `total`: its size, where it is known."""

    name: str
    media_type: str
    data: bytes
    whole: bool
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to look at it: "tree", "table", "source"."""

    name: str
    make: Callable[[], Body]
    """May take long."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`what`: "CSV table"; `counted`: "1,200 rows × 8 columns"; `notes`: what is missing or odd, and why."""

    what: str
    counted: str
    notes: tuple[str, ...]
    facets: tuple[Facet, ...]
    size: int | None = None
    """Bytes of the whole file, where that is known."""


@dataclass(frozen=True, slots=True)
class Task:
    """A file on its way to be shown. `told` is given what is being done; `going` says whether to go on."""

    subject: Subject
    kind: PreviewKind
    going: CancelToken
    told: Callable[[str], None]

    @property
    def data(self) -> bytes:
        """The bytes."""
        return self.subject.data

    @property
    def whole(self) -> bool:
        """They are all there are."""
        return self.subject.whole


def load(subject: Subject, going: CancelToken, told: Callable[[str], None]) -> Loaded:
    """Everything about a file. Never raises but `Stopped`: what cannot be shown is said."""
    kind = sniff(subject.name, subject.media_type, subject.data[:HEAD])
    notes: tuple[str, ...] = () if subject.whole else (_cut(subject),)
    notes += (kind.note,) if kind.note else ()
    going.check()
    loaded = KINDS[kind.shape](Task(subject, kind, going, told))
    total = len(subject.data) if subject.whole else subject.total
    return Loaded(loaded.what, loaded.counted, (*notes, *loaded.notes), loaded.facets, total)


def _cut(subject: Subject) -> str:
    of = f" of {size(subject.total)}" if subject.total is not None else "; how large it is was not told"
    return f"only the first {size(len(subject.data))}{of}"


def _empty(_task: Task) -> Loaded:
    return Loaded("empty file", "", (), (_said("The file is empty."),))


def _table(task: Task) -> Loaded:
    delimiter = "\t" if task.kind.shape is Shape.TSV else None
    reader = TableReader(task.data, delimiter, whole=task.whole)
    while reader.step():
        task.going.check()
        task.told(f"reading the table · {plural(reader.total, 'row')}")
    model = reader.model()
    what = f"{task.kind.shape.upper()} table"
    return Loaded(what, model.counted, model.notes, (Facet("table", lambda: model), _source(task)))


def _json(task: Task) -> Loaded:
    if not task.whole:
        shown = _code(task)
        return Loaded(
            "JSON", shown.counted, ("cut JSON makes no tree: shown as text", *shown.notes), shown.facets
        )
    task.told("reading the document")
    tree = tree_of_json(task.data, pause=task.going.check)
    root = tree.root
    if root is None:
        shown = _code(task)
        return Loaded("JSON", shown.counted, (*tree.notes, *shown.notes), shown.facets)
    facets = [Facet("tree", lambda: root)]
    if may_be_table(root.value):
        facets.append(Facet("table", lambda: table_of_value(root.value) or words("This is no table.")))
    return Loaded(
        "JSON", root.text if root.children else root.kind, tree.notes, (*facets, _source(task, "json"))
    )


def may_be_table(value: object) -> bool:
    """Cheaply: a list that begins with an object or a list."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict | list)


def _image(task: Task) -> Loaded:
    found = picture_of(task.data, whole=task.whole)
    picture = found.picture
    facet = _said(f"{found.why[:1].upper()}{found.why[1:]}.")
    if picture is not None:
        facet = Facet("picture", lambda: picture)
    return Loaded(found.what, found.counted, (), (facet,))


def _pdf(task: Task) -> Loaded:
    task.told("reading the pages")
    pdf = read_pdf(task.data, whole=task.whole, going=task.going)
    return Loaded("PDF", pdf.counted, pdf.notes, (Facet("text", lambda: plain_rows(pdf.lines, 0)),))


def _binary(task: Task) -> Loaded:
    rows = hex_rows(task.data)
    shown = f"the first {len(rows) * ROW:,} bytes" if len(task.data) > len(rows) * ROW else ""
    bytes_ = Facet("bytes", lambda: plain_rows(rows, 0))
    return Loaded(task.kind.detail or "binary data", shown, (), (bytes_,))


def _text(task: Task) -> Loaded:
    model = read_text(task.data, whole=task.whole)
    return Loaded("text", _counted(model), model.notes, (Facet("text", lambda: plain_rows(model.lines)),))


def _markdown(task: Task) -> Loaded:
    model = read_text(task.data, whole=task.whole)
    text, notes = model.text, model.notes
    if len(text) > LONGEST_MARKDOWN:
        notes += (f"longer than {LONGEST_MARKDOWN:,} characters: shown as it is written",)
        return Loaded("Markdown", _counted(model), notes, (_source(task),))
    return Loaded(
        "Markdown", _counted(model), notes, (Facet("page", lambda: markdown_rows(text)), _source(task))
    )


def _code(task: Task) -> Loaded:
    language = "json" if task.kind.shape is Shape.JSON else task.kind.detail
    model = read_text(task.data, whole=task.whole)
    notes = model.notes
    if language and (len(model.text) > MAX_COLOURED or max(map(len, model.lines), default=0) > MAX_LINE):
        notes += ("too long to be coloured",)
    facet = Facet("code", lambda: code_rows_of(model.lines, language))
    return Loaded(f"{language} source" if language else "source", _counted(model), notes, (facet,))


def _counted(model: TextModel) -> str:
    return model.counted if model.encoding in ("UTF-8", "") else f"{model.counted} · {model.encoding}"


def _source(task: Task, language: str = "") -> Facet:
    """The file as it is written."""

    def made() -> RowsFor:
        lines = read_text(task.data, whole=task.whole).lines
        return code_rows_of(lines, language) if language else plain_rows(lines)

    return Facet("source", made)


def _said(text: str) -> Facet:
    return Facet("words", lambda: words(text))


KINDS: Final[Mapping[Shape, Callable[[Task], Loaded]]] = {
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
