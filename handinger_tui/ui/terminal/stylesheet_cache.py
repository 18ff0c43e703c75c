"""Rules: the sheet, read once for the same colours, and at the start no further than its first screen."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from typing import Final

from textual.css.model import RuleSet
from textual.css.styles import RenderStyles
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

FIRST: Final = "/* The start reads up to here;"
"""Begins the line that ends the first part of the sheet."""
LATER: Final = "later"

# Textual asks each rule for its hash some 200 times for each node that it styles; its own is Python code
# with the same answer.
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]  # see above


class Parts(dict[str, RenderStyles]):
    """The styles of a widget's component classes, each worked out when it is first asked for.

    Textual works out all of them whenever a widget is styled: a hundred at the start, where few are seen.
    """

    def __init__(self, names: frozenset[str], make: Callable[[str], RenderStyles]) -> None:
        super().__init__()
        self._names, self._make = names, make

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __missing__(self, name: str) -> RenderStyles:
        if name not in self._names:
            raise KeyError(name)
        self[name] = styles = self._make(name)
        return styles


class StylesheetCache(Stylesheet):
    """Reads all sources again only for other variables.

    Textual does so whenever a theme is set, even the one of the start: 40 ms before the first frame.
    A source that is added makes the sheet be read by itself, that source alone.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._known = variables
        self._old = False
        self._later: dict[str, str] = {}

    def read(self, filename: str | PurePath) -> None:
        """Only the first part of a sheet that has two: `read_on` reads the other."""
        super().read(filename)
        path = os.path.abspath(filename)
        source = self.source[(path, "")]
        first, mark, later = source.content.partition(FIRST)
        self.source[(path, "")] = source._replace(content=first)
        self._later[path] = mark + later

    def read_on(self) -> None:
        """The first frame stands: read the rest, before anything is shown that needs it."""
        for path, css in self._later.items():
            self.add_source(css, read_from=(path, LATER))
        self._later = {}
        self.parse()

    def set_variables(self, variables: dict[str, str]) -> None:
        """The colours and sizes that sources name."""
        if variables != self._known:
            self._known, self._old = variables, True
            super().set_variables(variables)

    def reparse(self) -> None:
        """Read all again, if that makes a difference."""
        if self._old:
            super().reparse()
            self._old = False

    def _process_component_classes(self, node: DOMNode) -> None:
        """As Textual's own, but nothing is worked out that was not asked for before."""
        names = node._get_component_classes()
        if names:
            known = dict(node._component_styles)
            parts = node._component_styles = Parts(names, partial(self._part, node))
            if any(parts[name] != styles for name, styles in known.items()):
                node.refresh()

    def _part(self, node: DOMNode, name: str) -> RenderStyles:
        part = DOMNode(classes=name)
        part._attach(node)
        self.apply(part)
        return part.styles
