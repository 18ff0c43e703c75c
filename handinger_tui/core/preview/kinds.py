"""Kinds: what a file really is. Its first bytes decide; its name and type only say which sort of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from handinger_tui.core.preview.text import encoding_of

HEAD: Final = 8192
"""Bytes that are enough to sniff."""


class Shape(StrEnum):
    """How a file is shown."""

    EMPTY = "empty"
    TEXT = "text"
    MARKDOWN = "markdown"
    CODE = "code"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    IMAGE = "image"
    PDF = "pdf"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class PreviewKind:
    """`detail`: the language of code, the format of an image, what a binary file is; "" when not known.

    `note` says where name and content disagree.
    """

    shape: Shape
    detail: str = ""
    note: str = ""


_IMAGES: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_BINARIES: Final = (
    (b"PK\x03\x04", "ZIP archive"),
    (b"PK\x05\x06", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ\x00", "xz archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"PAR1", "Parquet table"),
    (b"\x7fELF", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "older Office document"),
    (b"OggS", "Ogg media"),
    (b"II*\0", "TIFF image"),
    (b"MM\0*", "TIFF image"),
    (b"\0\0\1\0", "icon"),
    (b"ID3", "MP3 audio"),
)
_BRANDS: Final = {b"avif": "AVIF image", b"avis": "AVIF image", b"heic": "HEIC image", b"mif1": "HEIF image"}
_LANGUAGES: Final = {
    extension: language
    for language, extensions in (
        ("bash", "sh bash"), ("bibtex", "bib"), ("c", "c h"), ("cpp", "cpp cc hpp"), ("csharp", "cs"),
        ("css", "css"), ("diff", "diff patch"), ("docker", "dockerfile"), ("go", "go"), ("html", "html htm"),
        ("ini", "ini cfg"), ("java", "java"), ("javascript", "js mjs"), ("json", "jsonl ndjson"),
        ("jsx", "jsx"), ("julia", "jl"), ("kotlin", "kt"), ("latex", "tex"), ("lua", "lua"),
        ("make", "makefile"), ("perl", "pl"), ("php", "php"), ("powershell", "ps1"), ("python", "py pyi"),
        ("r", "r"), ("ruby", "rb"), ("rust", "rs"), ("scala", "scala"), ("sql", "sql"), ("swift", "swift"),
        ("toml", "toml"), ("tsx", "tsx"), ("typescript", "ts"), ("xml", "xml svg"), ("yaml", "yaml yml"),
        ("zsh", "zsh"),
    )
    for extension in extensions.split()
}  # fmt: skip
"""Extension, or whole name, → language as highlighters call it."""
_TEXTS: Final = {
    **dict.fromkeys(("md", "markdown", "mdown"), Shape.MARKDOWN),
    **dict.fromkeys(("json", "geojson", "ipynb", "webmanifest"), Shape.JSON),
    **dict.fromkeys(("csv",), Shape.CSV),
    **dict.fromkeys(("tsv", "tab"), Shape.TSV),
    **dict.fromkeys(("txt", "log", "text"), Shape.TEXT),
}
_TYPES: Final = {
    "text/markdown": Shape.MARKDOWN,
    "application/json": Shape.JSON,
    "text/csv": Shape.CSV,
    "text/tab-separated-values": Shape.TSV,
}
_MARKUP: Final = re.compile(r"\s*(?:<\?xml|<svg|(<!doctype html|<html))", re.IGNORECASE)
_JSON: Final = re.compile(r'\s*(?:\{\s*["}]|\[\s*(?:[\[{"\]\-0-9]|true|false|null))')


def sniff(name: str, media_type: str, head: bytes) -> PreviewKind:
    """What to show. `head`: the first `HEAD` bytes, or the whole file when it is shorter. Never raises."""
    if not head:
        return PreviewKind(Shape.EMPTY)
    named = _extension(name)
    magic = _magic(head)
    if magic is not None:
        return _noted(magic, named)
    encoding = encoding_of(head, whole=False)
    if encoding is None:
        return _noted(PreviewKind(Shape.BINARY), named)
    return _text_kind(head[:HEAD].decode(encoding, "replace").lstrip("\ufeff"), named, media_type)


def _magic(head: bytes) -> PreviewKind | None:
    for start, name in _IMAGES:
        if head.startswith(start):
            return PreviewKind(Shape.IMAGE, name)
    if head.startswith(b"RIFF"):
        webp = head[8:12] == b"WEBP"
        return PreviewKind(Shape.IMAGE, "webp") if webp else PreviewKind(Shape.BINARY, "RIFF media")
    # "BM" alone begins many texts; a bitmap's reserved bytes are zero.
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and len(head) >= 26:
        return PreviewKind(Shape.IMAGE, "bmp")
    if b"%PDF-" in head[:1024]:
        return PreviewKind(Shape.PDF)
    if head[4:8] == b"ftyp":
        return PreviewKind(Shape.BINARY, _BRANDS.get(head[8:12], "MP4 media"))
    found = next((name for start, name in _BINARIES if head.startswith(start)), None)
    return None if found is None else PreviewKind(Shape.BINARY, found)


def _text_kind(text: str, named: str, media_type: str) -> PreviewKind:
    claimed = _TEXTS.get(named) or (None if named in _LANGUAGES else _typed(media_type))
    markup = _MARKUP.match(text)
    if markup is not None and claimed not in (Shape.TEXT, Shape.MARKDOWN):
        language = _LANGUAGES.get(named) or ("html" if markup[1] else "xml")
        return _noted(PreviewKind(Shape.CODE, language), named)
    if named in _LANGUAGES:
        return PreviewKind(Shape.CODE, _LANGUAGES[named])
    # A line of CSV may begin with a bracket too, but not close it again.
    table = claimed in (Shape.CSV, Shape.TSV) and text.rstrip().endswith(("}", "]"))
    if _JSON.match(text) and (claimed in (None, Shape.JSON) or table):
        return PreviewKind(Shape.JSON, note=f"its name says {claimed}, its content is JSON" if table else "")
    if claimed is Shape.JSON and not _scalar(text):
        return PreviewKind(Shape.TEXT, note="its name says JSON, its content does not")
    return _noted(PreviewKind(claimed or Shape.TEXT), named)


def _scalar(text: str) -> bool:
    return re.match(r'\s*(?:[\[{"]|-?\d|true\b|false\b|null\b)', text) is not None


def _typed(media_type: str) -> Shape | None:
    plain = media_type.partition(";")[0].strip().lower()
    return Shape.JSON if plain.endswith("+json") else _TYPES.get(plain)


def _extension(name: str) -> str:
    last = name.replace("\\", "/").rpartition("/")[2].strip().lower()
    stem, dot, extension = last.rpartition(".")
    return extension if dot and (stem or extension in _LANGUAGES) else last


_OF_NAMES: Final = {
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "bmp"), "an image"),
    **dict.fromkeys(("pdf",), "a PDF"),
    **dict.fromkeys((*_TEXTS, *_LANGUAGES), "text"),
}


def _noted(kind: PreviewKind, named: str) -> PreviewKind:
    """`kind`, with a word when the name promises something else."""
    promised = _OF_NAMES.get(named)
    really = {Shape.IMAGE: "an image", Shape.PDF: "a PDF", Shape.BINARY: "binary data"}.get(
        kind.shape, "text"
    )
    jpeg_or_so = promised == "an image" and kind.shape is Shape.IMAGE
    if promised is None or promised == really or jpeg_or_so:
        return kind
    return PreviewKind(kind.shape, kind.detail, f"its name promises {promised}, its content is {really}")
