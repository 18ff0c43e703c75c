"""Which saved files may be opened with the system's default program. Files that could run may not."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from handinger_tui.core.safety.cleaning import Verdict

HEAD: Final = 64
"""Bytes of a file that are enough to judge it."""


def _extensions(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SAFE_EXTENSIONS: Final = _extensions(
    "txt text log md markdown csv tsv json jsonl ndjson geojson yaml yml toml xml bib tex rst "
    "pdf png jpg jpeg gif webp bmp tif tiff heic avif ico mp3 wav ogg flac m4a mp4 webm mov mkv avi "
    "docx xlsx pptx odt ods odp rtf epub parquet sqlite db zip gz xz bz2 zst 7z tar ics vcf"
)
_ASK_REASONS: Final = {
    **dict.fromkeys(("html", "htm", "xhtml", "svg", "mht", "mhtml"), "a web page may run scripts"),
    **dict.fromkeys(
        ("doc", "xls", "ppt", "docm", "xlsm", "pptm", "xlsb", "odg", "mdb", "accdb"), "it may contain macros"
    ),
}
_PROGRAM_EXTENSIONS: Final = _extensions(
    "exe com scr bat cmd msi msp msix appx ps1 psm1 psd1 vbs vbe js jse mjs cjs wsf wsh hta cpl dll sys pif "
    "lnk url reg inf scf jar jnlp class app command workflow scpt applescript terminal pkg dmg "
    "sh bash zsh fish csh ksh run bin appimage deb rpm flatpakref snap desktop service out elf so dylib "
    "py pyw pyc pyz pl rb php lua tcl r ipynb awk iso img vhd vhdx webloc chm xll ade settingcontent-ms "
    "library-ms search-ms searchconnector-ms theme themepack appref-ms application xbap diagcab msc wsc sct "
    "ws shb shs hlp osascript action mobileconfig prefpane kext xpi crx vsix apk iqy slk rdp jnilib"
)
_PROGRAM_START: Final = re.compile(
    rb"\x7fELF|\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe|\xfe\xed\xfa[\xcf\xce]|\xca\xfe\xba\xbe|L\0\0\0\x01\x14\x02\0"
    rb"|MZ[^\0]{0,62}\0|(?:\xef\xbb\xbf)?\s*(?:#!|\[Desktop Entry\])",
    re.DOTALL,
)
"""The first bytes of executables of the three systems, of scripts and of desktop launchers."""


class Openable(Struct, frozen=True):
    """What may be done with a file. `reason` explains it to people; "" for OPEN."""

    verdict: Verdict
    reason: str = ""


def judge_file(name: str, head: bytes) -> Openable:
    """Judge a saved file by its name and its first bytes. An unknown kind of file is ASK.

    Readable scripts are refused too: the system may run them instead of opening an editor.
    """
    stem, dot, suffix = name.rstrip(". ").rpartition(".")
    extension = suffix.lower() if dot and stem else ""
    if _PROGRAM_START.match(head):
        return Openable(Verdict.REFUSE, "it is a program or a script")
    if extension in _PROGRAM_EXTENSIONS:
        return Openable(Verdict.REFUSE, f".{extension} files may run as programs")
    if extension in _ASK_REASONS:
        return Openable(Verdict.ASK, _ASK_REASONS[extension])
    if extension in _SAFE_EXTENSIONS:
        return Openable(Verdict.OPEN)
    return Openable(
        Verdict.ASK, f".{extension[:20]} is an unknown file type" if extension else "its type is unknown"
    )
