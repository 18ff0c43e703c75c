"""Previews of files: of what kind one is by its first bytes, and its text or picture.

Pillow decodes pictures from memory, only in the format of their first bytes, and after `check_picture` has
limited their size. It is imported with the first picture.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean

if TYPE_CHECKING:
    from PIL.Image import Image


_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and their codecs; of two with a common prefix, the longer one is first."""
GUESS: Final = "cp1252"
"""The codec for text that is not UTF-8, as in browsers: Latin-1 with letters for control characters."""
_NAMES: Final = {"utf-8-sig": "UTF-8", GUESS: "Windows-1252"}
GUESSED: Final = "not UTF-8; read as Windows-1252, so some letters may be wrong"
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SAMPLE: Final = 65536
_FEW: Final = 0.02
"""The maximum share of control characters in text, since logs have some; two are always allowed."""
_FOREIGN: Final = 0.3
"""The maximum share of non-ASCII bytes in text that is not UTF-8."""


class Decoded(Struct, frozen=True):
    """Decoded text. `note`: "" if the encoding is certain."""

    text: str
    encoding: str
    note: str = ""


def encoding_of(data: bytes, *, complete: bool) -> str | None:
    """The Python codec for `data`; None if it is not text.

    `complete` False: `data` is only the beginning of a text, and may end inside a character.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec
    sample = data[:_SAMPLE]
    if b"\0" in sample or len(_CONTROLS.findall(sample)) > max(2, _FEW * len(sample)):
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=complete)
    except UnicodeDecodeError:
        if b"\0" in data:
            # Only its beginning looks like text.
            return None
        foreign = len(sample.translate(None, bytes(range(128))))
        return GUESS if foreign <= _FOREIGN * len(sample) else None
    return "utf-8"


def decode(data: bytes, *, complete: bool = True) -> Decoded:
    """Decode any bytes; undecodable ones become U+FFFD. Never raises."""
    encoding = encoding_of(data, complete=complete)
    codec = encoding or GUESS
    text = codecs.getincrementaldecoder(codec)("replace").decode(data, final=complete)
    note = "binary data shown as text" if encoding is None else GUESSED if encoding == GUESS else ""
    return Decoded(text, _NAMES.get(codec, codec.upper()), note)


MAX_LINES: Final = 5000
MAX_COLUMNS: Final = 4000
"""Characters of a line that are shown."""


class TextModel(Struct, frozen=True):
    """The clean lines to show. `total`: the number of lines read; `exact`: the complete file was read."""

    lines: tuple[str, ...]
    total: int
    exact: bool
    encoding: str
    notes: tuple[str, ...] = ()
    is_cut: bool = False
    """Whether lines, or ends of lines, are missing."""

    @property
    def text(self) -> str:
        """The shown lines as one text."""
        return "\n".join(self.lines)

    @property
    def counted(self) -> str:
        """The size for people: "12 lines", "first 50 of 120 lines", "first 50 of at least 90 lines"."""
        lines = plural(self.total, "line")
        if not self.exact:
            return f"first {len(self.lines):,} of at least {lines}"
        return lines if len(self.lines) == self.total else f"first {len(self.lines):,} of {lines}"


def read_text(data: bytes, *, complete: bool = True) -> TextModel:
    """The first `MAX_LINES` lines of a file; `complete` False: `data` is only its beginning. Never raises."""
    decoded = decode(data, complete=complete)
    text = decoded.text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    total = text.count("\n") + (1 if text and not text.endswith("\n") else 0)
    # A regular expression would hold the interpreter lock for megabytes, and freeze the screen.
    lines = text.split("\n", MAX_LINES)[: min(MAX_LINES, total)]
    long = sum(len(line) > MAX_COLUMNS for line in lines)
    are_cut = f"{plural(long, 'line')} {'is' if long == 1 else 'are'} cut after {MAX_COLUMNS:,} characters"
    notes = tuple(filter(None, (decoded.note, are_cut if long else "")))
    is_cut = long > 0 or len(lines) < total or not complete
    return TextModel(tuple(map(_line, lines)), total, complete, decoded.encoding, notes, is_cut)


def _line(line: str) -> str:
    """A line, shortened and cleaned; a vertical tab or a line separator in it does not split it."""
    cut = line if len(line) <= MAX_COLUMNS else line[:MAX_COLUMNS] + "…"
    return clean(cut).replace("\n", " ")


SNIFFED_BYTES: Final = 8192
"""How many bytes are enough to detect the kind of a file."""


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
    BINARY = "binary"


class PreviewKind(Struct, frozen=True):
    """The detected kind of a file.

    `detail`: the language of code, the format of an image or the kind of a binary file; "" if unknown.
    `note`: a sentence if the name of the file contradicts its content, else "".
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
_PDF: Final = "PDF"
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
"""File extension, or file name without one → language, as highlighters name it."""
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
_JSON_START: Final = re.compile(r'\s*(?:[\[{"]|-?\d|true\b|false\b|null\b)')
_JSON: Final = re.compile(r'\s*(?:\{\s*["}]|\[\s*(?:[\[{"\]\-0-9]|true|false|null))')


def sniff(name: str, media_type: str, head: bytes) -> PreviewKind:
    """Detect the kind of a file. `head`: its first `SNIFFED_BYTES`, or all of them. Never raises."""
    if not head:
        return PreviewKind(Shape.EMPTY)
    extension = _extension(name)
    magic = _magic(head)
    if magic is not None:
        return _with_note(magic, extension)
    encoding = encoding_of(head, complete=False)
    if encoding is None:
        return _with_note(PreviewKind(Shape.BINARY), extension)
    return _text_kind(
        head[:SNIFFED_BYTES].decode(encoding, "replace").lstrip("\ufeff"), extension, media_type
    )


def _magic(head: bytes) -> PreviewKind | None:
    for start, name in _IMAGES:
        if head.startswith(start):
            return PreviewKind(Shape.IMAGE, name)
    if head.startswith(b"RIFF"):
        webp = head[8:12] == b"WEBP"
        return PreviewKind(Shape.IMAGE, "webp") if webp else PreviewKind(Shape.BINARY, "RIFF media")
    # Many texts begin with "BM" too; a bitmap's reserved bytes are zero.
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and len(head) >= 26:
        return PreviewKind(Shape.IMAGE, "bmp")
    if b"%PDF-" in head[:1024]:
        return PreviewKind(Shape.BINARY, _PDF)
    if head[4:8] == b"ftyp":
        return PreviewKind(Shape.BINARY, _BRANDS.get(head[8:12], "MP4 media"))
    binary = next((name for start, name in _BINARIES if head.startswith(start)), None)
    return None if binary is None else PreviewKind(Shape.BINARY, binary)


def _text_kind(text: str, extension: str, media_type: str) -> PreviewKind:
    claimed = _TEXTS.get(extension) or (None if extension in _LANGUAGES else _shape_of_type(media_type))
    markup = _MARKUP.match(text)
    if markup is not None and claimed not in (Shape.TEXT, Shape.MARKDOWN):
        language = _LANGUAGES.get(extension) or ("html" if markup[1] else "xml")
        return _with_note(PreviewKind(Shape.CODE, language), extension)
    if extension in _LANGUAGES:
        return PreviewKind(Shape.CODE, _LANGUAGES[extension])
    # CSV may begin with a bracket too, but does not end with the closing one.
    table = claimed in (Shape.CSV, Shape.TSV) and text.rstrip().endswith(("}", "]"))
    if _JSON.match(text) and (claimed in (None, Shape.JSON) or table):
        return PreviewKind(Shape.JSON, note=f"its name says {claimed}, its content is JSON" if table else "")
    if claimed is Shape.JSON and not _JSON_START.match(text):
        return PreviewKind(Shape.TEXT, note="its name says JSON, its content does not")
    return _with_note(PreviewKind(claimed or Shape.TEXT), extension)


def _shape_of_type(media_type: str) -> Shape | None:
    plain = media_type.partition(";")[0].strip().lower()
    return Shape.JSON if plain.endswith("+json") else _TYPES.get(plain)


def _extension(name: str) -> str:
    """The extension of a file name in lower case; the name itself if it has none."""
    last = name.replace("\\", "/").rpartition("/")[2].strip().lower()
    stem, dot, extension = last.rpartition(".")
    return extension if dot and (stem or extension in _LANGUAGES) else last


_CONTENT_OF_EXTENSIONS: Final = {
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "bmp"), "an image"),
    **dict.fromkeys(("pdf",), "a PDF"),
    **dict.fromkeys((*_TEXTS, *_LANGUAGES), "text"),
}


def _with_note(kind: PreviewKind, extension: str) -> PreviewKind:
    """`kind`, with a note if the file name promises other content."""
    promised = _CONTENT_OF_EXTENSIONS.get(extension)
    actual = {Shape.IMAGE: "an image", Shape.BINARY: "binary data"}.get(kind.shape, "text")
    if kind.detail == _PDF:
        actual = "a PDF"
    if promised is None or promised == actual:
        return kind
    return PreviewKind(kind.shape, kind.detail, f"its name says {promised}, its content is {actual}")


# -- pictures ----------------------------------------------------------------------------------
Pixel = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
PixelGrid = Sequence[Sequence[Pixel]]
PixelCell = tuple[str, Pixel, Pixel | None]
"""The character, its color, and the background color or None."""
UPPER: Final = "▀"

MAX_PIXELS: Final = 50_000_000
SUSPECT_PIXELS: Final = 10_000_000
"""`MAX_RATIO` applies above this size; small charts with few colors compress far better than photographs."""
MAX_RATIO: Final = 100
"""Pixels per byte of the file."""
_REDUCIBLE: Final = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})
"""Modes of Pillow whose pixels can be averaged without conversion."""


class NotDrawn(ValueError):
    """The picture cannot be decoded; the message is for people."""


class Picture(Struct, frozen=True):
    """An encoded picture that is safe to decode. Only the first frame of an animation is drawn."""

    data: bytes
    format: str
    width: int
    height: int

    def grid(self, columns: int, lines: int, ground: Pixel) -> PixelGrid:
        """The pixels for at most `columns` × `lines` cells with half blocks.

        It is slow, so call it in a thread. `ground`: the color behind transparent pixels.

        Raises:
            NotDrawn: the picture is damaged.
        """
        width, height = fitting(self.width, self.height, columns, lines)
        flat = self._scaled(width, height, ground).tobytes()
        pixels = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
        return [pixels[at : at + width] for at in range(0, len(pixels), width)]

    def _scaled(self, width: int, height: int, ground: Pixel) -> Image:
        """The picture in RGB, scaled to `width` × `height` pixels, over the color `ground`."""
        from PIL import Image as Pillow  # 20 MB, 40 ms

        try:
            with _open(self.data, self.format) as image:
                image.draft("RGB", (width * 2, height * 2))
                factor = min(image.width // width, image.height // height)
                # If the mode allows it, reduce before the conversion: RGBA takes four bytes per pixel.
                near = image.reduce(factor) if factor > 1 and image.mode in _REDUCIBLE else image
                small = _rgba(near).resize((width, height), Pillow.Resampling.BOX)
        except Exception as problem:  # A library may raise anything on untrusted bytes.
            raise NotDrawn(f"the {self.format.upper()} is damaged") from problem
        under = Pillow.new("RGBA", small.size, (*ground, 255))
        return Pillow.alpha_composite(under, small).convert("RGB")


class ImageCheck(Struct, frozen=True):
    """The result of the header check. `picture`: None if it must not be decoded; `why`: the reason."""

    what: str
    counted: str
    picture: Picture | None
    why: str = ""


def check_picture(data: bytes, name: str, *, complete: bool) -> ImageCheck:
    """Check an image by its header, without decoding it.

    `name`: the format that its first bytes show. `complete`: `data` is the complete file.
    """
    what, too_large = f"{name.upper()} image", "too large to show here; save it to open it"
    try:
        with _open(data, name) as image:
            width, height = image.size
    except Exception:  # noqa: BLE001 - a library may raise anything on untrusted bytes
        broken = "its header is damaged"
        return ImageCheck(what, "", None, broken if complete else too_large)
    counted = f"{width:,} × {height:,} pixels"
    danger = bomb(width, height, len(data) if complete else None)
    if danger is not None:
        return ImageCheck(what, counted, None, f"not decoded: {danger}")
    if not complete:
        return ImageCheck(what, counted, None, too_large)
    return ImageCheck(what, counted, Picture(data, name, width, height))


def bomb(width: int, height: int, file_bytes: int | None) -> str | None:
    """Why an image may be a decompression bomb; None if it is not. `file_bytes` None: unknown."""
    text, pixels = f"{width:,} × {height:,} pixels", width * height
    if pixels > MAX_PIXELS:
        return f"{text} is more than {MAX_PIXELS // 1_000_000} million"
    if file_bytes is not None and pixels > SUSPECT_PIXELS and pixels > MAX_RATIO * file_bytes:
        return f"{text} from {file_bytes:,} bytes is suspicious"
    return None


def _open(data: bytes, name: str) -> Image:
    """Read the header. Raises whatever Pillow raises."""
    from PIL import Image as Pillow  # 20 MB, 40 ms

    # `bomb` has a stricter limit and a better message; Pillow would print a warning into the terminal.
    Pillow.MAX_IMAGE_PIXELS = None
    return Pillow.open(io.BytesIO(data), formats=[name.upper()])


def _rgba(image: Image) -> Image:
    if image.mode == "I;16":
        # Pillow would clip these values at 255 instead of dropping the lower byte.
        image = image.point(lambda value: value / 256, "L")
    return image.convert("RGBA")


def fitting(width: int, height: int, columns: int, lines: int) -> tuple[int, int]:
    """The size in pixels at which an image fits `columns` × `lines` cells, in proportion, not enlarged."""
    across, down = max(1, columns), max(1, lines * 2)
    if width <= across and height <= down:
        return max(1, width), max(1, height)
    if width * down >= height * across:
        return across, max(1, min(down, round(height * across / width)))
    return max(1, min(across, round(width * down / height))), down


def half_blocks(pixels: PixelGrid) -> list[list[PixelCell]]:
    """One line of cells for each two rows of pixels; the upper pixel is the color of the character."""
    # With an odd number of rows, the last line has no lower pixels.
    lower: Sequence[Sequence[Pixel | None]] = (*pixels[1::2], [None] * len(pixels[0]) if pixels else [])
    pairs = zip(pixels[::2], lower, strict=False)
    return [[(UPPER, top, low) for top, low in zip(*rows, strict=True)] for rows in pairs]
