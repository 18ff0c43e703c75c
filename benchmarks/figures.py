"""Figures: measured values by bench, case, metric and target; medians, ratios, tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

OURS: Final = "handinger-tui"


class Key(NamedTuple):
    """Which figure. `metric` ends with its unit."""

    bench: str
    case: str
    metric: str
    target: str = OURS


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, between neighbours by proportion.

    Raises:
        IndexError: no values.
    """
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass
class Figures:
    """Every value of every run."""

    values: dict[Key, list[float]] = field(default_factory=dict)

    def add(self, bench: str, case: str, target: str, metrics: Mapping[str, float | None]) -> None:
        """Add the metrics of one run; None: it could not be measured, which is not zero."""
        for metric, value in metrics.items():
            if value is not None:
                self.values.setdefault(Key(bench, case, metric, target), []).append(value)

    def median(self, key: Key) -> float | None:
        """The median of the runs; None when there were none."""
        runs = self.values.get(key)
        return statistics.median(runs) if runs else None

    def worst(self, key: Key) -> float | None:
        """The largest of the runs; None when there were none."""
        return max(self.values.get(key, ()), default=None)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Lines of a table: bench, case, metric, ours, each floor's or peer's, times that one, runs."""
        groups: dict[tuple[str, str, str], dict[str, Key]] = {}
        for key in self.values:
            groups.setdefault(key[:3], {})[key.target] = key
        for group, keys in groups.items():
            ours = self.median(keys[OURS]) if OURS in keys else None
            runs = max(len(self.values[key]) for key in keys.values())
            others = [(name, self.median(key)) for name, key in keys.items() if name != OURS]
            for name, other in others or [("", None)]:
                times = f"{ours / other:.2f}" if ours is not None and other else ""
                yield (*group, shown(ours), shown(other), name, times, str(runs))

    def as_json(self) -> list[dict[str, Any]]:
        """One object for each figure."""
        return [
            {**key._asdict(), "median": statistics.median(runs), "values": runs}
            for key, runs in self.values.items()
        ]


HEADS: Final = ("bench", "case", "metric", OURS, "beside", "which is", "×", "runs")


def shown(value: float | None) -> str:
    """A number with three or four significant digits."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    shape = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([shape[0], "  ".join("-" * width for width in widths), *shape[1:]])
