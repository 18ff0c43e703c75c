"""Openable: which saved files may be handed to the system's program. A file that could run is not."""

from __future__ import annotations

import re
from typing import Final

from handinger_tui.core.patterns import late
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import Verdict

HEAD: Final = 64
"""Bytes that are enough to judge."""


def _kinds(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SAFE: Final = _kinds(
    "txt text log md markdown csv tsv json jsonl ndjson geojson yaml yml toml xml bib tex rst "
    "pdf png jpg jpeg gif webp bmp tif tiff heic avif ico mp3 wav ogg flac m4a mp4 webm mov mkv avi "
    "docx xlsx pptx odt ods odp rtf epub parquet sqlite db zip gz xz bz2 zst 7z tar ics vcf"
)
_ASK: Final = {
    **dict.fromkeys(("html", "htm", "xhtml", "svg", "mht", "mhtml"), "a page may run scripts"),
    **dict.fromkeys(
        ("doc", "xls", "ppt", "docm", "xlsm", "pptm", "xlsb", "odg", "mdb", "accdb"), "it may hold macros"
    ),
}
_RUNS: Final = _kinds(
    "exe com scr bat cmd msi msp msix appx ps1 psm1 psd1 vbs vbe js jse mjs cjs wsf wsh hta cpl dll sys pif "
    "lnk url reg inf scf jar jnlp class app command workflow scpt applescript terminal pkg dmg "
    "sh bash zsh fish csh ksh run bin appimage deb rpm flatpakref snap desktop service out elf so dylib "
    "py pyw pyc pyz pl rb php lua tcl r ipynb awk iso img vhd vhdx webloc chm xll ade settingcontent-ms "
    "library-ms search-ms searchconnector-ms theme themepack appref-ms application xbap diagcab msc wsc sct "
    "ws shb shs hlp osascript action mobileconfig prefpane kext xpi crx vsix apk iqy slk rdp jnilib"
)
_PROGRAM: Final = late(
    rb"\x7fELF|\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe|\xfe\xed\xfa[\xcf\xce]|\xca\xfe\xba\xbe|L\0\0\0\x01\x14\x02\0"
    rb"|MZ[^\0]{0,62}\0|(?:\xef\xbb\xbf)?\s*(?:#!|\[Desktop Entry\])",
    re.DOTALL,
)
"""How programs of the three systems, scripts and launchers begin."""


@dataclass(frozen=True, slots=True)
class Openable:
    """`reason` is for people, "" when there is nothing to say."""

    verdict: Verdict
    reason: str = ""


def judge_file(name: str, head: bytes) -> Openable:
    """Decide about a saved file by its name and its first bytes. What is neither safe nor a program is asked.

    A text program that a person can read opens in no editor here: the system may run it instead.
    """
    stem, dot, extension = name.rstrip(". ").rpartition(".")
    kind = extension.lower() if dot and stem else ""
    if _PROGRAM.match(head):
        return Openable(Verdict.REFUSE, "it is a program or a script")
    if kind in _RUNS:
        return Openable(Verdict.REFUSE, f".{kind} files may run as programs")
    if kind in _ASK:
        return Openable(Verdict.ASK, _ASK[kind])
    if kind in _SAFE:
        return Openable(Verdict.OPEN)
    return Openable(
        Verdict.ASK, f".{kind[:20]} files are not known here" if kind else "its kind is not known"
    )
