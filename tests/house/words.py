"""The words of the program, as people read them: texts found in the source, and what is wrong with one.

A text is a string literal with at least two words, outside docstrings, code in other languages (SQL, CSS,
HTML, regular expressions) and modules that hold such code. Placeholders of an f-string are `{}`.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tests.house.project import PACKAGE, python_files, tree, where

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BANNED = (
    r"e-mails?",
    r"goes? along",
    r"going along",
    r"told",
    r"tells?",
    r"taken? back",
    r"nobody",
    r"whoever",
    r"meanwhile",
    r"mend",
    r"demo workers?",
    r"dearest",
    r"anew",
    r"the (?:message|file|data|turn|one|match) before",
    r"puts one into",
    r"few tricks",
    r"still going",
    r"to be had",
    r"stumbled",
    r"nonsense",
    r"pretend",
    r"stands? here",
    r"knows? a few",
    r"fault of its own",
    r"forgets? all",
    r"leaves? it",
    r"takes? it",
    r"what (?:it|they|an? turn|the turn|everything) took",
    r"any longer",
    r"(?:starts?|runs?|appears?) (?:[\w ]+ )?by (?:itself|themselves)",
    r"also while",
    r"really (?:do|add)",
    r"the most is",
    r"begins? (?:an?|one|with) ",
    r"to which turn",
    r"is too much",
    r"plain file",
    r"(?<!there )(?:is|are|makes) no (?!longer\b|more\b)",
    r"any more",
    r"have? got",
    r"lies? (?:at|there)",
    r"reason to look",
    r"again and again",
    r"go(?:es)? on",
    r"sum (?:it|them) up",
    r"gets? to know",
)
"""Turns of phrase that a native speaker would not use on a screen. Not the words of stored or JSON values."""
BRITISH = (
    r"\w*colour\w*",
    r"behaviour\w*",
    r"favour\w*",
    r"centre[sd]?",
    r"cancell(?:ed|ing)",
    r"labell(?:ed|ing)",
    r"summaris\w*",
    r"organis\w*",
    r"recognis\w*",
    r"initialis\w*",
    r"analys(?:e[sd]?|ing)",
    r"catalogue\w*",
    r"licence",
    r"programme",
    r"towards",
    r"whilst",
    r"cheque",
    r"grey",
)
UNCLEAR_NAMES = frozenset(
    [
        "told",
        "said",
        "found",
        "whole",
        "asked",
        "taken",
        "made",
        "gone",
        "known",
        "rest",
        "heard",
        "met",
        "meant",
        "beside",
        "till",
    ]
)
"""Words that say nothing about a value: not in the names of variables, parameters, functions and classes."""
UNCLEAR_TEST_NAMES = frozenset(
    ["told", "said", "heard", "meant", "beside", "till", "nobody", "whoever", "meanwhile", "anew"]
)
"""Words that the name of a test, which is a sentence, does not need either."""
_BANNED = re.compile(rf"\b(?:{'|'.join(BANNED)})\b", re.IGNORECASE)
_BRITISH = re.compile(rf"\b(?:{'|'.join(BRITISH)})\b", re.IGNORECASE)
_PERCENT = re.compile(r"(?:\d|\}) %(?![\w({%])")
_SPACES = re.compile(r"[a-z,;] {2,}[a-z]")
_ONE_OF_MANY = re.compile(
    r"\b1 (?:turn|message|file|source|session|worker|day|row|line|page|key|event|step|run)s\b"
)
_PROSE = re.compile(r"[A-Za-z]{2,}[,.:;]? [A-Za-z]{2,}")
_OTHER_LANGUAGE = re.compile(
    r"SUM\(|\b(?:SELECT|INSERT|UPDATE|DELETE FROM|WHERE|PRAGMA|(?:CREATE|ALTER) TABLE|JOIN|BEGIN)\b"
    r"|</?[a-z]+[ >]|\\[sdwbS]|\(\?|;\s*\}"
)
_CODE_MODULES = ("core/money/report_json.py", "ui/stylesheet")
"""Under the package: modules whose strings are markup or style sheets."""


class Text(NamedTuple):
    """A text and its place, `folder/file.py:12`."""

    text: str
    place: str


def problems(text: str) -> list[str]:
    """What is wrong with a text; none for a good one."""
    checks = (
        (_BANNED, "not what a native speaker would write"),
        (_BRITISH, "not US spelling"),
        (_PERCENT, "a space before %"),
        (_SPACES, "two spaces"),
        (_ONE_OF_MANY, "one of something is not many"),
    )
    return [f"{why}: {match[0]!r}" for pattern, why in checks if (match := pattern.search(text))]


def label_problems(text: str) -> list[str]:
    """What is wrong with a label: a button, a key, a heading, a summary."""
    result = problems(text)
    if text.endswith(".") and not text.endswith("..."):
        result.append("a label has no full stop")
    if not re.match(r"[A-Z0-9$/{“↑]", text):
        result.append("a label begins with a capital letter")
    if capital := re.search(r"(?<=[a-z] )[A-Z][a-z]+(?= [A-Z][a-z])", text):
        result.append(f"sentence case: {capital[0]!r}")
    return result


def sentence_problems(text: str) -> list[str]:
    """What is wrong with a message that stands for itself."""
    result = problems(text)
    if not re.search(r"[.!?…:}”)]$", text.strip()) and "handinger-tui" not in text and "/" not in text:
        result.append("a sentence has a full stop")
    if re.match(r"[a-z]", text) and not text.startswith("handinger-tui"):
        result.append("a sentence begins with a capital letter")
    return result


def shown(node: ast.expr) -> str | None:
    """A string literal or f-string with `{}` for its placeholders; None for another expression."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _docstrings(module: ast.Module) -> set[int]:
    """The ids of strings that are statements of their own."""
    return {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}


def texts_in(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The texts of a module, each once, with their nodes."""
    skipped = _docstrings(module)
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node) if part is not node}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in skipped:
            text = shown(node)
            if text and _PROSE.search(text) and not _OTHER_LANGUAGE.search(text):
                yield text, node


def _modules() -> Iterator[tuple[ast.Module, Path]]:
    for path in python_files(PACKAGE):
        if not path.relative_to(PACKAGE).as_posix().startswith(_CODE_MODULES):
            yield tree(path), path


def all_texts() -> list[Text]:
    """Every text of the program."""
    return [Text(text, where(path, node)) for module, path in _modules() for text, node in texts_in(module)]


SENTENCES = frozenset(
    {
        "say",
        "SettingsError",
        "AttachmentProblem",
        "NoSuchSession",
        "EditorProblem",
        "NotAnAmount",
        "LedgerError",
        "Locked",
        "NoRoom",
        "Damaged",
        "TooNew",
        "Refused",
        "Doubtful",
        "StreamLost",
        "BrokenContract",
        "Unreachable",
        "Fault",
    }
)
"""Functions and classes whose literal arguments are sentences for people."""
LABELS = {"button": 1, "TextQuestion": 0, "ask_text": 0, "confirm": 0, "yes_or_no": 0, "Question": 0}
"""Functions and classes with a label, and its position among the arguments."""
LABEL_KEYWORDS = frozenset({"yes", "no", "placeholder", "BORDER_TITLE"})


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def sentences() -> list[Text]:
    """Texts that are shown as whole messages."""
    return [
        Text(text, where(path, argument))
        for module, path in _modules()
        for call in ast.walk(module)
        if isinstance(call, ast.Call) and _name(call) in SENTENCES
        for argument in call.args
        if (text := shown(argument)) and _PROSE.search(text)
    ]


def labels() -> list[Text]:
    """Texts of buttons, questions and fields."""
    result: list[Text] = []
    for module, path in _modules():
        for call in ast.walk(module):
            if not isinstance(call, ast.Call):
                continue
            position = LABELS.get(_name(call))
            arguments = [] if position is None else call.args[position : position + 1]
            arguments += [keyword.value for keyword in call.keywords if keyword.arg in LABEL_KEYWORDS]
            result += [Text(text, where(path, one)) for one in arguments if (text := shown(one))]
    return result


COUNTED = re.compile(
    r" (?:turn|message|file|source|session|worker|day|row|line|page|key|event|step|run|item|schedule)s\b"
)


def uncounted_plurals(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """F-strings that write a number and a plural by hand, where `plural` would make them agree.

    A constant (upper case) is always more than one.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            for value, after in zip(node.values, node.values[1:], strict=False):
                text = shown(after) if isinstance(after, ast.Constant) else None
                if isinstance(value, ast.FormattedValue) and COUNTED.match(text or ""):
                    names = re.findall(r"\w+", ast.unparse(value.value))
                    if not any(name.isupper() for name in names) and "plural" not in names:
                        yield shown(node) or "", node


ALWAYS_MANY = frozenset(
    {
        "{} sessions start with {}.",
        "{} {}s start with {}.",
        "per {} days",
        "last {} turns",
        ".{} files may run as programs",
        "{} sources ({} vs. {})",
        " The first {} of {} messages are left out.",
    }
)
"""Texts whose number is above one where they are shown, or is no number of them."""


def uncounted() -> list[Text]:
    """`uncounted_plurals` of the program, without the local worker, whose tables have many rows."""
    return [
        Text(text, where(path, node))
        for module, path in _modules()
        for text, node in uncounted_plurals(module)
        if text not in ALWAYS_MANY and not path.is_relative_to(PACKAGE / "local")
    ]


def unclear_names(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Names that a module defines with one of `UNCLEAR_NAMES`; in test functions `UNCLEAR_TEST_NAMES`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Name):
            name = node.id if isinstance(node.ctx, ast.Store) else ""
        else:
            name = getattr(node, "arg" if isinstance(node, ast.arg) else "name", None) or ""
        if _is_unclear(name) and not isinstance(node, ast.alias):
            yield name, node


OVERRIDDEN = frozenset({"parse_known_args", "connection_made"})
"""Names of methods of libraries that ours override."""


@cache
def _is_unclear(name: str) -> bool:
    if name in OVERRIDDEN:
        return False
    parts = set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r"_\1", name).lower()))
    return bool(parts & (UNCLEAR_TEST_NAMES if name.startswith("test_") else UNCLEAR_NAMES))


def may_have_unclear_names(source: str) -> bool:
    """Whether a part of any name in the source is such a word: most files need no parsing."""
    parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+", source)}
    return not parts.isdisjoint(UNCLEAR_NAMES | UNCLEAR_TEST_NAMES)
