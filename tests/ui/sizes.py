"""Sizes of a terminal, for what is the same at each: every run takes the smallest."""

from __future__ import annotations

import pytest

at_each_size = pytest.mark.parametrize(
    "size",
    [(60, 20), *(pytest.param(size, marks=pytest.mark.slow) for size in ((80, 24), (120, 40)))],
    ids=["60x20", "80x24", "120x40"],
)
