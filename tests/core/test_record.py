"""Our `dataclass` is Python's own in all that anybody can see."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace
from dataclasses import dataclass as pythons
from typing import Any, ClassVar, cast

import pytest

from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.turn import Attachment


def made(decorated: Callable[..., Any], *, frozen: bool, slots: bool) -> list[type[Any]]:
    class Empty:
        pass

    class One:
        text: str = ""

    class Many:
        shared: ClassVar[int] = 1
        number: float
        words: tuple[str, ...] = ()
        quiet: int = field(default=0, compare=False)
        hidden: int = field(default=0, repr=False)

    class Own:  # noqa: PLW1641 - what is tested
        number: int = 0

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "own"

    class Hashed:
        number: int = 0

        def __hash__(self) -> int:
            return 7

    return [decorated(frozen=frozen, slots=slots)(cls) for cls in (Empty, One, Many, Own, Hashed)]


@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_it_shows_compares_and_hashes_as_pythons_own(frozen: bool, slots: bool) -> None:
    nan = float("nan")
    told: list[list[tuple[Any, ...]]] = [
        [()],
        [(), ("a",)],
        [(1,), (nan,), (1, ("b",)), (1, (), 2), (1, (), 0, 3)],
        [(), (1,)],
        [(), (1,)],
    ]
    both = made(dataclass, frozen=frozen, slots=slots), made(pythons, frozen=frozen, slots=slots)
    for mine, model, values in zip(*both, told, strict=True):
        assert (mine.__hash__ is None) == (model.__hash__ is None)
        assert mine.__match_args__ == model.__match_args__
        assert [member.name for member in fields(mine)] == [member.name for member in fields(model)]
        made_by_us, as_python = [mine(*v) for v in values], [model(*v) for v in values]
        assert [repr(one) for one in made_by_us] == [repr(one) for one in as_python]
        equal = [[a == b for b in made_by_us] for a in made_by_us]
        assert equal == [[a == b for b in as_python] for a in as_python]
        assert made_by_us[0] != as_python[0] or mine.__name__ == "Own"
        if mine.__hash__ is not None:
            same = [[hash(a) == hash(b) for b in made_by_us] for a in made_by_us]
            assert same == [[hash(a) == hash(b) for b in as_python] for a in as_python]


@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_it_takes_what_pythons_own_takes(frozen: bool, slots: bool) -> None:
    def told(decorated: Callable[..., Any]) -> list[object]:
        class Plain:
            number: int
            words: list[str] = field(default_factory=list)
            fixed: int = field(default=4, init=False)
            text: str = "a"

        cls: Any = decorated(frozen=frozen, slots=slots)(Plain)

        class Child(cls):  # type: ignore[misc]  # made a moment ago
            extra = 0

        calls: list[Callable[[], Any]] = [
            lambda: cls(1),
            lambda: cls(number=1, text="b"),
            lambda: cls(1, ["x"], "c"),
            lambda: Child(2).number,
            lambda: cls(1).words is cls(1).words,
            cls,
            lambda: cls(1, 2, 3, 4),
            lambda: cls(1, fixed=5),
            lambda: cls(1, number=2),
        ]
        # The first few are made in another way than those that follow.
        return [outcome(call) for call in (*calls, *calls)]

    assert told(dataclass) == told(pythons)


def outcome(call: Callable[[], Any]) -> str:
    try:
        return repr(call())
    except TypeError as refused:
        return f"{refused}"


def test_threads_that_ask_for_the_members_at_once_are_told_the_same() -> None:
    @dataclass
    class Asked:
        number: int

    class Child(Asked):
        pass

    told = vars(Asked)["__dataclass_fields__"]
    first = told.__get__(None, Asked)
    # A second thread got hold of the same before the first was done.
    second = told.__get__(None, Child)
    assert list(first) == list(second) == [member.name for member in fields(Child)] == ["number"]


def test_members_without_a_value_are_filled_afterwards() -> None:
    @dataclass(slots=True)
    class Late:
        number: int
        lines: list[str] = field(init=False)

        def __post_init__(self) -> None:
            self.lines = ["a"] * self.number

    assert [Late(2).lines for _ in range(9)] == [["a", "a"]] * 9


def test_a_class_may_say_itself_how_it_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Own:
        number: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "number", len(text))

    assert Own("abc").number == 3


def test_ordered_ones_compare_as_pythons_own() -> None:
    def told(decorated: Callable[..., Any]) -> list[object]:
        class Pair:
            number: int
            text: str = ""
            quiet: int = field(default=0, compare=False)

        cls: Any = decorated(frozen=True, slots=True, order=True)(Pair)
        some = [cls(1), cls(1, "a"), cls(2, "", 5), cls(2)]
        compared = [[(a < b, a <= b, a > b, a >= b) for b in some] for a in some]
        return [compared, repr(sorted(some)), outcome(lambda: some[0] < 1)]

    assert told(dataclass) == told(pythons)


@pytest.mark.parametrize("slots", [False, True])
def test_what_is_inherited_comes_first(slots: bool) -> None:
    def told(decorated: Callable[..., Any]) -> tuple[object, ...]:
        @decorated(frozen=True, slots=slots)
        class Base:
            number: int
            words: tuple[str, ...] = ()
            extra: dict[str, int] = field(default_factory=dict, compare=False)

        @decorated(frozen=True, slots=slots)
        class Child(Base):
            text: str = "a"
            number: int = 3

        class Grandchild(Child):
            pass

        base: Any = Base
        child: Any = Child
        one = child(words=("x",))
        return (
            repr(one).partition("Child")[2],
            [(member.name, member.type, member.compare) for member in fields(cast("Any", Grandchild))],
            [member.name for member in fields(base)],
            repr(replace(one, text="b")).partition("Child")[2],
            replace(one, extra={"a": 1}) == one,
            base(1) == base(1, (), {"a": 1}),
            child.__match_args__,
            hasattr(one, "__dict__"),
        )

    assert told(dataclass) == told(pythons)


def test_a_default_that_all_would_share_is_refused() -> None:
    with pytest.raises(ValueError, match="default_factory"):

        @dataclass(frozen=True)
        class Shared:
            words: list[str] = []  # noqa: RUF012 - what is tested


def test_it_is_frozen_and_can_be_replaced_copied_and_packed() -> None:
    one = Attachment("/a/b.csv", "b.csv", 3, "text/csv", "0" * 64)
    assert is_dataclass(one)
    with pytest.raises(FrozenInstanceError):
        one.size = 4  # type: ignore[misc]  # what is tested
    with pytest.raises(FrozenInstanceError):
        del one.size
    assert replace(one, size=4) != one == replace(one)
    assert copy.deepcopy(one) == one == pickle.loads(pickle.dumps(one))  # noqa: S301 - our own
