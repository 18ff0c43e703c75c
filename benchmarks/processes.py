"""Processes: CPU seconds and memory of a process and all it started, from /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def tree(pid: int) -> list[int]:
    """A process and its live descendants; empty when it has ended."""
    pids, waiting = [], [pid]
    while waiting:
        at = waiting.pop()
        try:
            children = [
                child
                for task in Path(f"/proc/{at}/task").iterdir()
                for child in (task / "children").read_text().split()
            ]
        except OSError:
            continue
        pids.append(at)
        waiting += map(int, children)
    return pids


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree, ended children included; steps of 10 ms."""
    return sum(map(_cpu_ticks, tree(pid))) / _TICK


def _cpu_ticks(pid: int) -> int:
    try:
        # The name in brackets may hold anything, blanks and brackets too.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


def threads(pid: int) -> int:
    """How many threads the tree has."""
    return sum(len(_entries(f"/proc/{one}/task")) for one in tree(pid))


def descriptors(pid: int) -> int:
    """How many files and sockets the tree has open."""
    return sum(len(_entries(f"/proc/{one}/fd")) for one in tree(pid))


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def rss_mb(pid: int) -> float:
    """Resident memory of the tree in MB (10^6 bytes); shared pages count for each process."""
    return sum(map(_rss_pages, tree(pid))) * _PAGE / 1e6


def _rss_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
