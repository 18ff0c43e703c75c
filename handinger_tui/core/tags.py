"""Tags and projects of sessions: their names, and the rules in the configuration that assign them.

What a rule assigns is not stored: rules are applied when a list or a report is read, so a changed rule
changes all reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final, NamedTuple
from unicodedata import category, normalize

from msgspec import Struct

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import clean_line

MAX_NAME: Final = 40
"""Characters of a name."""
MAX_PATTERN: Final = 300
"""Characters of a pattern in a rule."""
_NAME_HINT: Final = (
    f"Use letters, digits, hyphens, underscores, dots and slashes (at most {MAX_NAME}),"
    " starting with a letter or digit."
)


def tag_name(text: str) -> str:
    """The name of a tag or project as it is stored and compared: case-folded, without a leading "#".

    Raises:
        SettingsError: not a name. Names have no spaces, no characters with a meaning in spreadsheets or
            terminals, and do not look like options.
    """
    name = normalize("NFKC", normalize("NFKC", text.strip().removeprefix("#")).casefold())
    if not 0 < len(name) <= MAX_NAME or not name[0].isalnum() or not all(map(_is_allowed, name)):
        shown = clean_line(text, 60)
        problem = f"“{shown}” cannot name a tag or project." if shown else "A tag or project needs a name."
        raise SettingsError(problem, _NAME_HINT)
    return name


def _is_allowed(char: str) -> bool:
    return char.isalnum() or char in "-_./" or category(char)[0] == "M"


def tag_names(texts: Iterable[str]) -> list[str]:
    """The distinct names, in order. Raises SettingsError."""
    return [*dict.fromkeys(map(tag_name, texts))]


class SessionFacts(NamedTuple):
    """The facts of a session that rules test. `workers`: its target, and the stored worker of the target."""

    workers: tuple[str, ...] = ()
    folder: str = ""
    """The working directory in which it was started; "" if unknown."""
    title: str = ""


class Labels(NamedTuple):
    """The tags and the project ("" without one) of a session."""

    own: tuple[str, ...] = ()
    """Tags of the session itself."""
    worker: tuple[str, ...] = ()
    """Tags of its worker."""
    rules: tuple[str, ...] = ()
    """Tags assigned by rules of the configuration."""
    project: str = ""

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, each of them once, sorted."""
        return tuple(sorted({*self.own, *self.worker, *self.rules}))


def labels_text(labels: Labels, removed: Sequence[str] = ()) -> str:
    """The tags and the project as one line; tags that are not the session's own with their origin.

    `removed`: tags that the person removed; the text names those that the session still has.
    """
    others = ((labels.own, ""), (labels.worker, " (worker)"), (labels.rules, " (rule)"))
    named = {name: origin for names, origin in reversed(others) for name in names}
    tags = ", ".join(f"{name}{origin}" for name, origin in sorted(named.items())) or "none"
    project = f" Project: {labels.project}." if labels.project else ""
    kept = ", ".join(f"{name}{named[name]}" for name in removed if name in named)
    return f"Tags: {tags}.{project}" + (f" Not removed: {kept}." if kept else "")


NO_LABELS: Final = Labels()


class TagRule(NamedTuple):
    """A pattern for one fact of a session: `*` is any text, `?` any character."""

    kind: str
    pattern: str

    def matches(self, facts: SessionFacts, tags: set[str]) -> bool:
        """Whether the rule applies. `facts`: the result of `_comparable`."""
        match self.kind:
            case "worker":
                return any(fnmatchcase(worker, self.pattern) for worker in facts.workers)
            case "folder":
                return fnmatchcase(facts.folder, self.pattern)
            case "title":
                return fnmatchcase(facts.title, self.pattern)
            case _:
                return self.pattern in tags


Rules = tuple[tuple[str, tuple[TagRule, ...]], ...]
"""Names in the order of the file, each with alternative rules."""
TAG_KINDS: Final = ("worker", "folder", "title")
PROJECT_KINDS: Final = (*TAG_KINDS, "tag")


class TagRules(Struct, frozen=True):
    """The rules of the configuration."""

    tags: Rules = ()
    projects: Rules = ()

    def labels(
        self,
        facts: SessionFacts,
        own: tuple[str, ...] = (),
        worker: tuple[str, ...] = (),
        project: str = "",
    ) -> Labels:
        """The tags of a session, and its project: the one that a person set, else the first that applies."""
        return _labels(self, facts, own, worker, project)


# Limits of a project label all sessions at each reading of a worker.
@lru_cache(10_000)
def _labels(
    rules: TagRules, facts: SessionFacts, own: tuple[str, ...], worker: tuple[str, ...], project: str
) -> Labels:
    facts = _comparable(facts)
    by_rules = tuple(name for name, own_rules in rules.tags if _any_matches(own_rules, facts, set()))
    tags = {*own, *worker, *by_rules}
    projects = (name for name, own_rules in rules.projects if _any_matches(own_rules, facts, tags))
    return Labels(own, worker, by_rules, project or next(projects, ""))


NO_TAG_RULES: Final = TagRules()


def _any_matches(rules: tuple[TagRule, ...], facts: SessionFacts, tags: set[str]) -> bool:
    return any(rule.matches(facts, tags) for rule in rules)


def _comparable(facts: SessionFacts) -> SessionFacts:
    """The facts in the form of patterns: the folder ends with a slash, the title is case-folded."""
    folder = f"{_slashed(facts.folder)}/" if facts.folder else ""
    return SessionFacts(facts.workers, folder, clean_line(facts.title).casefold())


def _slashed(folder: str) -> str:
    return folder.replace("\\", "/").rstrip("/")


def rules_in(
    table: Mapping[str, Any], place: Callable[[str], str], kinds: tuple[str, ...], home: str
) -> Rules:
    """The rules in a table of the configuration.

    `place`: where a name stands, for errors. `kinds`: the allowed kinds of rules. `home`: replaces `~`.

    Raises:
        SettingsError: a name or a rule is not valid.
    """
    rules: dict[str, tuple[TagRule, ...]] = {}
    for key, value in table.items():
        texts = value if isinstance(value, list) else [value]
        try:
            name = tag_name(key)
            rules[name] = rules.get(name, ()) + tuple(_rule(text, kinds, home) for text in texts)
        except SettingsError as problem:
            raise SettingsError(f"{place(key)}: {problem.summary}", problem.hint) from None
    return tuple(rules.items())


def _rule(text: object, kinds: tuple[str, ...], home: str) -> TagRule:
    kind, colon, pattern = text.partition(":") if isinstance(text, str) else ("", "", "")
    kind, pattern = kind.strip().lower(), pattern.strip()
    if not colon or kind not in kinds or not 0 < len(pattern) <= MAX_PATTERN:
        examples = ", ".join(f'"{one}:…"' for one in kinds)
        raise SettingsError(f"{clean_line(str(text), 60)} is not a rule.", f"Use one of {examples}.")
    if kind == "tag":
        return TagRule(kind, tag_name(pattern))
    if kind == "folder":
        if pattern == "~" or pattern.startswith(("~/", "~\\")):
            pattern = home.rstrip("/\\") + pattern[1:]
        if pattern[0] not in "/\\*" and pattern[1:2] != ":":
            raise SettingsError(
                f"{clean_line(pattern, 60)} is not a full path of a folder.", "Start it with / or ~."
            )
        # The folder and everything below it.
        return TagRule(kind, f"{_slashed(pattern)}/*")
    return TagRule(kind, pattern if kind == "worker" else pattern.casefold())
