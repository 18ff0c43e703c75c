"""Costs by tag, project, profile, week and month: no amount is lost or counted twice."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, sum_buckets
from handinger_tui.core.periods import month_days, week_days, week_name
from handinger_tui.core.tags import PROJECT_KINDS, TAG_KINDS, TagRules, rules_in
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, put_in
from tests.ledger.samples import answered, opened, play, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger

PARTITIONS: Final = (
    *(GroupBy.DAY, GroupBy.WEEK, GroupBy.MONTH, GroupBy.PROFILE, GroupBy.PROJECT, GroupBy.SESSION),
    *(GroupBy.WORKER, GroupBy.BUDGET, GroupBy.TRIGGER),
)
RULES: Final = TagRules(
    rules_in({"even": "worker:wrk_0", "odd": "worker:wrk_1"}, str, TAG_KINDS, "/"),
    rules_in({"one": ["tag:a", "worker:wrk_2"], "two": "tag:even"}, str, PROJECT_KINDS, "/"),
)


def turns() -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.fixed_dictionaries(
        {
            "session_id": st.sampled_from(("ses_0", "ses_1", "ses_2", "gone")),
            "worker_id": st.sampled_from(("wrk_0", "wrk_1", "wrk_2", None)),
            "usd_pico": st.none() | st.integers(-(10**6), 2**62),
            "micro_credits": st.none() | st.integers(0, 10**9),
            "final": st.integers(0, 1),
            "status": st.sampled_from(("completed", "failed")),
            "budget": st.sampled_from(("high", None)),
            "profile": st.sampled_from(("work", "home", None)),
            "at_ms": st.integers(NOON_MS - 500 * DAY_MS, NOON_MS + 500 * DAY_MS),
        }
    )
    return st.lists(one, max_size=12)


TAGS: Final = st.dictionaries(
    st.sampled_from((("session", "ses_0"), ("session", "gone"), ("session", "ses_1"), ("worker", "wrk_1"))),
    st.lists(st.sampled_from("abc"), max_size=3),
    max_size=4,
)


def sums(bucket: Bucket) -> Bucket:
    """All figures of a group, without its name."""
    return replace(bucket, key="", title="")


async def total_of(ledger: Ledger, which: ChargeFilter) -> Bucket:
    return sum_buckets(await ledger.charges.buckets(GroupBy.DAY, which))


@settings(max_examples=40, deadline=None)
@given(rows=turns(), tags=TAGS)
async def test_every_amount_is_in_one_group_or_in_one_for_each_tag(
    rows: list[dict[str, Any]], tags: dict[tuple[str, str], list[str]]
) -> None:
    async with opened(None, zone=UTC) as ledger:
        await put_in(ledger, *(cells(f"t{at}", **row) for at, row in enumerate(rows)))
        for (kind, whose), names in tags.items():
            await ledger.history.tag(kind, whose, names)
        ledger.apply(RULES)
        charges = ledger.charges
        total = await total_of(ledger, ChargeFilter())
        for by in PARTITIONS:
            assert sums(sum_buckets(await charges.buckets(by))) == total, by
        # A filter selects the turns of its row; sessions without a tag have their own row.
        for by, member in ((GroupBy.TAG, "tag"), (GroupBy.PROJECT, "project"), (GroupBy.PROFILE, "profile")):
            groups = await charges.buckets(by)
            assert len({group.key for group in groups}) == len(groups)
            for group in groups:
                if group.key:
                    which = replace(ChargeFilter(), **{member: group.key})
                    assert await total_of(ledger, which) == sums(group), group.key
                    turn_rows = await charges.turn_charges(which)
                    assert len(turn_rows) == group.turns
        by_tag = await charges.buckets(GroupBy.TAG)
        assert sum(group.turns for group in by_tag) >= total.turns
        assert await total_of(ledger, ChargeFilter()) == total
        days = await charges.buckets(GroupBy.DAY)
        for group in await charges.buckets(GroupBy.WEEK):
            first, last = week_days(group.key)
            inside = [one for one in days if first <= date.fromisoformat(one.key) <= last]
            assert sums(sum_buckets(inside)) == sums(group)


@given(st.dates(date(5, 1, 10), date(9987, 1, 1)))
def test_a_day_is_within_its_week_and_its_month(day: date) -> None:
    monday, sunday = week_days(week_name(day))
    assert monday <= day <= sunday
    assert (monday.weekday(), sunday - monday) == (0, timedelta(days=6))
    first, last = month_days(day.isoformat()[:-3])
    assert first <= day <= last
    assert (first.day, (last + timedelta(days=1)).day) == (1, 1)


async def test_costs_keep_their_tags_when_a_session_is_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        ledger.run = ledger.run._replace(profile="work", folder="/acme")
        await play(ledger, session("ses_1"), turn_request("t1"), answered("0.5"))
        await play(ledger, session("ses_2"), turn_request("t2"), answered("0.25"))
        await ledger.history.tag("session", "ses_1", ["a"])
        ledger.apply(TagRules(projects=rules_in({"acme": "folder:/acme"}, str, PROJECT_KINDS, "/")))

        async def groups(by: GroupBy) -> list[tuple[str, Decimal | None]]:
            return [(one.key, one.usd.value) for one in await ledger.charges.buckets(by)]

        before = [await groups(by) for by in (GroupBy.TAG, GroupBy.PROJECT, GroupBy.PROFILE)]
        assert before == [
            [("a", Decimal("0.5")), ("", Decimal("0.25"))],
            [("acme", Decimal("0.75"))],
            [("work", Decimal("0.75"))],
        ]
        await ledger.history.delete("ses_1")
        assert [await groups(by) for by in (GroupBy.TAG, GroupBy.PROJECT, GroupBy.PROFILE)] == before
