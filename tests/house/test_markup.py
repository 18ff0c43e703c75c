"""No external text is parsed as markup: it is passed as Content, or with markup=False."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.project import PACKAGE, python_files, tree, where

# Widgets and methods that read a plain string as markup by default.
READERS = {"Static", "Label", "Button", "Checkbox", "Link", "notify", "OptionList", "Option"}
# Attributes that Textual reads as markup when they are given a string.
MARKUP_ATTRIBUTES = {"border_title", "border_subtitle", "tooltip"}
PARSERS = {"from_markup", "assemble_markup", "from_ansi"}


def called(call: ast.Call) -> str:
    """The last name of what is called: `notify` for `self.app.notify(...)`."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def is_composed(node: ast.expr) -> bool:
    """A string put together at run time: an f-string with values, a sum, a %, a .format() or a .join()."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return any(_is_text(side) for side in (node.left, node.right))
    return isinstance(node, ast.Call) and called(node) in {"format", "join", "str"}


def _is_text(node: ast.expr) -> bool:
    constant = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return constant or isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and is_composed(node))


def without_markup(call: ast.Call) -> bool:
    """The call says markup=False."""
    return any(
        word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in call.keywords
    )


def risky(module: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """The places that may hand text from outside to a markup parser."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield from _risky_call(node)
        elif isinstance(node, ast.Assign) and is_composed(node.value):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr in MARKUP_ATTRIBUTES:
                    yield node, f"{target.attr} is read as markup: give it a Content"


def _risky_call(call: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    name = called(call)
    if name in PARSERS and not all(isinstance(argument, ast.Constant) for argument in call.args):
        yield call, f"{name} of something that is not a literal"
    elif name == "notify" and not without_markup(call):
        if not (call.args and isinstance(call.args[0], ast.Constant)):
            yield call, "notify without markup=False"
    elif name in READERS and call.args and is_composed(call.args[0]) and not without_markup(call):
        yield call, f"{name} of a composed string: give it a Content or markup=False"


def test_no_composed_text_reaches_a_markup_parser() -> None:
    offenders = [
        f"{where(path, node)} {reason}"
        for path in python_files(PACKAGE)
        for node, reason in risky(tree(path))
    ]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize(
    "source",
    [
        'Static(f"{title}")',
        'Label("File " + name)',
        'self.app.notify(str(error), title="Oh")',
        "notify(text)",
        'Content.from_markup(f"[b]{name}[/b]")',
        'panel.border_title = f"Files {name}"',
        'Label("{}".format(name), id="x")',
    ],
)
def test_a_risk_is_reported(source: str) -> None:
    assert list(risky(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        'Static("Sources")',
        "Static(Content(title))",
        'Static(f"{title}", markup=False)',
        "notify(text, markup=False)",
        'notify("Saved.")',
        "panel.border_title = Content(name)",
    ],
)
def test_safe_text_is_accepted(source: str) -> None:
    assert not list(risky(ast.parse(source)))
