"""Stylesheet cache: parse the stylesheet once per set of variables, and at the start only its first part."""

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
"""The beginning of the line that ends the first part of the stylesheet."""
LATER: Final = "later"
"""Marks the source of the rest of a stylesheet in its `read_from` location."""

# Textual hashes each rule some 200 times for each node that it styles. Its own `__hash__` is Python code
# with the same result.
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]  # faster, same result


class LazyStyles(dict[str, RenderStyles]):
    """The styles of a widget's component classes, each computed on first use.

    Textual computes all of them whenever a widget is styled: a hundred at the start, of which few are used.
    """

    def __init__(self, names: frozenset[str], make: Callable[[str], RenderStyles]) -> None:
        super().__init__()
        self._names, self._compute = names, make

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __missing__(self, name: str) -> RenderStyles:
        if name not in self._names:
            raise KeyError(name)
        self[name] = styles = self._compute(name)
        return styles


class StylesheetCache(Stylesheet):
    """A stylesheet that is parsed again only for changed variables.

    Textual parses all sources whenever a theme is set, even the initial one (40 ms before the first frame).
    Adding a source parses only that source.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._variables_parsed = variables
        self._is_outdated = False
        self._later: dict[str, str] = {}

    def read(self, filename: str | PurePath) -> None:
        """Read a stylesheet up to the line that starts with `FIRST`; `read_on` reads the rest."""
        super().read(filename)
        path = os.path.abspath(filename)
        source = self.source[(path, "")]
        first, mark, later = source.content.partition(FIRST)
        self.source[(path, "")] = source._replace(content=first)
        self._later[path] = mark + later

    def read_on(self) -> None:
        """Read the rest of the stylesheets: after the first frame, before a widget needs it."""
        for path, css in self._later.items():
            self.add_source(css, read_from=(path, LATER))
        self._later = {}
        self.parse()

    def set_variables(self, variables: dict[str, str]) -> None:
        """Set the variables (colors and sizes) that the sources use."""
        if variables != self._variables_parsed:
            self._variables_parsed, self._is_outdated = variables, True
            super().set_variables(variables)

    def reparse(self) -> None:
        """Parse all sources again if the variables changed."""
        if self._is_outdated:
            super().reparse()
            self._is_outdated = False

    def _process_component_classes(self, node: DOMNode) -> None:
        """Set up lazy component styles; only those used before are computed, to detect changes."""
        names = node._get_component_classes()
        if names:
            before = dict(node._component_styles)
            parts = node._component_styles = LazyStyles(names, partial(self._component_styles_of, node))
            if any(parts[name] != styles for name, styles in before.items()):
                node.refresh()

    def _component_styles_of(self, node: DOMNode, name: str) -> RenderStyles:
        part = DOMNode(classes=name)
        part._attach(node)
        self.apply(part)
        return part.styles
