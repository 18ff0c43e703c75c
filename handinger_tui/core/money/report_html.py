"""The spending report as one HTML page with its charts. It runs and loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from html import escape
from typing import Final

from handinger_tui.core.amounts import Total, Unit, bare_text, count_text, excess_words, legend
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.figures import COST_MEMBERS
from handinger_tui.core.formatting import local_time, number, percent_text, plural
from handinger_tui.core.money.chart_values import (
    SIMULATED_REPORT,
    BarSpan,
    Slot,
    shares,
    short_usd,
    slot_text,
    slots,
    tick_text,
    ticks,
    why_no_split,
)
from handinger_tui.core.money.report import Report
from handinger_tui.core.money.spending import EMPTY_TOTAL, SUMS, Bucket, GroupBy, empty_key_name
from handinger_tui.core.safety import clean_line, html_page

POLICY: Final = "img-src data:"
"""The page may not fetch or run anything, whatever a title or an id contains."""
_LABELED_BARS: Final = 14
"""Up to so many bars have their amount above them; of more, only the highest one has."""


def page(report: Report, heading: str, groups: Sequence[Bucket], count: int, remarks: Sequence[str]) -> str:
    """The HTML document of a report.

    `heading`: period and filters; `groups`: the rows of the table, of `count` groups, and suspense;
    `remarks`: sentences below the table.
    """
    banner = f'<p class="banner" role="note">{escape(SIMULATED_REPORT)}</p>'
    below = "".join(f"<p>{_text(remark, 400)}</p>" for remark in remarks)
    total, omitted = report.total, count + len(report.suspense) - len(groups)
    main = f"""<h1>Cost report</h1>
<p class="muted">{_text(heading)}</p>
{banner if report.selection.simulated else ""}
{_tiles(total)}
{bars(report.days)}
{share_of(total)}
{cumulative(report.days)}
{_table(groups, total, report.selection.by or GroupBy.DAY, omitted)}
{below}
<p class="muted">Written by handinger-tui on {local_time(report.at_ms):%Y-%m-%d %H:%M %Z}. Amounts are as the
service reported them; what it did not report is counted as missing, never as zero.</p>"""
    return html_page(f"Cost report: {clean_line(heading, 200)}", _style_rules(), main, POLICY)


def _tiles(spent: Bucket) -> str:
    cost, credit, token = (spent.total(name) for name in ("usd", "credits", "tokens"))
    share = EXACT.divide(spent.incomplete, spent.turns) if spent.turns else None
    tokens = count_text(token.value)
    figures = (
        ("cost", cost.about(), _note(cost)),
        ("credits", credit.about(Unit.CREDITS, bare_text), _note(credit)),
        ("tokens", tokens, _note(token)),
        ("turns", number(spent.turns), ""),
        (
            "incomplete",
            number(spent.incomplete),
            f"{percent_text(share)} of all turns" if spent.turns else "",
        ),
    )
    tiles = "".join(
        f'<li><span class="muted">{name}</span><strong>{escape(value)}</strong>'
        f'<span class="{"gap" if note.startswith("+") else "muted"}">{escape(note)}</span></li>'
        for name, value, note in figures
    )
    return f'<ul class="tiles">{tiles}</ul>'


# -- charts ------------------------------------------------------------------------------
def _figure(title: str, note: str, drawing: str) -> str:
    heading = f'<figcaption><b>{title}</b><span class="gap">{escape(note)}</span></figcaption>'
    return f'<figure class="card">{heading}{drawing}</figure>'


def bars(days: Sequence[Bucket]) -> str:
    """Cost per day, week or month. A bar with turns of unknown cost has a hatched cap and "+n"."""
    span, listed = slots(days)
    costs = [slot.usd.value for slot in listed if slot.usd.value is not None]
    most = max(costs, default=Decimal(0))
    steps = ticks(most)
    every = max(1, -(-len(listed) // _LABELED_BARS))
    drawn = []
    for at, slot in enumerate(listed):
        is_labeled = len(listed) <= _LABELED_BARS or (bool(most) and slot.usd.value == most)
        drawn.append(_bar(slot, span, steps[-1], is_labeled=is_labeled, is_dated=at % every == 0))
    gaps = sum(slot.usd.unknown_turns for slot in listed)
    note = f"hatched: {plural(gaps, 'turn')} of unknown cost" if gaps else ""
    return _figure(f"Cost per {span}", note, _plot(steps, listed, costs, "".join(drawn)))


def _bar(slot: Slot, span: BarSpan, most: Decimal, *, is_labeled: bool, is_dated: bool) -> str:
    usd, gaps, day = slot.usd.value, slot.usd.unknown_turns, slot_text(slot, span)
    label = f"<b>{escape(slot.usd.cell(write=short_usd))}</b>" if usd and is_labeled else ""
    count = f'<b class="gap">+{gaps:,}</b>' if gaps and is_labeled else ""
    cap = '<i class="hatched"></i>' if gaps else ""
    bar = f'<i class="bar" style="height:{_percent(usd, most)}"></i>' if usd else ""
    hint = escape(f"{day}: {slot.usd.words()}", quote=True)
    return f'<li title="{hint}">{label}{count}{cap}{bar}{f"<small>{day}</small>" if is_dated else ""}</li>'


def _plot(steps: Sequence[Decimal], listed: Sequence[Slot], costs: Sequence[Decimal], drawing: str) -> str:
    """A drawing over the lines of an axis, or why there is none."""
    if not costs:
        reason = "No turns in this period." if not listed else "No cost was reported."
        return f'<p class="muted">{reason}</p>'
    lines = "".join(
        f'<span class="tick" style="bottom:{_percent(step, steps[-1])}">'
        f"<small>{tick_text(step, steps[1])}</small></span>"
        for step in steps
    )
    return f'<div class="plot">{lines}<ul class="bars">{drawing}</ul></div>'


def cumulative(days: Sequence[Bucket]) -> str:
    """The cumulative cost. From the first gap on it is a lower bound, and dashed."""
    span, listed = slots(days)
    so_far, sums = EMPTY_TOTAL, []
    for slot in listed:
        so_far += slot.usd
        sums.append(so_far)
    steps = ticks(so_far.value or Decimal(0))
    # The first point is that before the first period.
    points = [(Decimal(0), Decimal(0))]
    points += [
        (EXACT.divide(Decimal(200 * at + 100), Decimal(2 * len(sums))), total.value or Decimal(0))
        for at, total in enumerate(sums)
    ]
    first_gap = next((at for at, total in enumerate(sums) if total.missing_turns), len(sums))
    lines = [("", points[: first_gap + 1]), ("dashed", points[first_gap:])]
    drawn = "".join(
        f'<polyline class="{name}" points="{_points(line, steps[-1])}"/>'
        for name, line in lines
        if len(line) > 1
    )
    every = max(1, -(-len(listed) // _LABELED_BARS))
    dates = "".join(
        f"<li>{f'<small>{slot_text(slot, span)}</small>' if at % every == 0 else ''}</li>"
        for at, slot in enumerate(listed)
    )
    drawing = f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
    costs = [] if so_far.value is None else [so_far.value]
    note = so_far.words(write=short_usd) if costs else ""
    note += " · dashed from the first turn of unknown cost" if costs and first_gap < len(sums) else ""
    return _figure("Cumulative cost", note, _plot(steps, listed, costs, dates + drawing))


def share_of(spent: Bucket) -> str:
    """The categories as one bar, with amounts and percentages below."""
    parts = shares(spent)
    title, excess = "Cost by category", excess_words(spent.split_excess)
    if reason := why_no_split(parts):
        return _figure(title, excess, f'<p class="muted">{reason}</p>')
    names = [share.name.replace(" ", "-") for share in parts]
    pieces = "".join(
        f'<i class="{name}" style="flex:{_percent(share.part, Decimal(1))[:-1]}"></i>'
        for name, share in zip(names, parts, strict=True)
        if share.part
    )
    legend = "".join(
        f'<li><i class="{name}"></i> <b>{share.name} {percent_text(share.part)}</b>'
        f" <span>{'' if share.usd.value is None else escape(share.usd.words())}</span></li>"
        for name, share in zip(names, parts, strict=True)
    )
    return _figure(title, excess, f'<div class="shares">{pieces}</div><ul class="legend">{legend}</ul>')


def _percent(value: Decimal | None, most: Decimal) -> str:
    """A share as a length of CSS, at most four decimals."""
    return f"{float(EXACT.divide(max(value or Decimal(0), Decimal(0)), most)) * 100 if most else 0:.4g}%"


def _points(points: Iterable[tuple[Decimal, Decimal]], most: Decimal) -> str:
    """The points of a line in a drawing of 100 by 100, whose origin is the upper left corner."""
    return " ".join(f"{x:.2f},{100 - float(_percent(value, most)[:-1]):.2f}" for x, value in points)


# -- the table ---------------------------------------------------------------------------
_PARTS: Final = (member.removesuffix("_usd") for member in COST_MEMBERS)
HEADS: Final = ("turns", "cost", "credits", "tokens", *_PARTS, "incomplete")


def _table(groups: Sequence[Bucket], total: Bucket, by: GroupBy, omitted: int) -> str:
    heads = "".join(f'<th scope="col" class="n">{head}</th>' for head in HEADS)
    rows = "\n".join(_row(bucket, _name(bucket, by)) for bucket in groups)
    signs = legend(bucket.total(member).cell() for bucket in (total, *groups) for member in SUMS)
    note = f'<p class="gap">{escape(signs)}</p>' if signs else ""
    omission = (
        f"<p>{escape(plural(omitted, 'more row'))} not listed here; all are in the total.</p>"
        if omitted
        else ""
    )
    return f"""<section class="card"><h2>By {escape(by)}</h2>
<div class="wide"><table>
<thead><tr><th scope="col">{escape(by)}</th>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
<tfoot>{_row(total, "total")}</tfoot>
</table></div>{note}{omission}</section>"""


def _name(bucket: Bucket, by: GroupBy) -> str:
    key, title = clean_line(bucket.key, 80), clean_line(bucket.title, 80)
    if title and key:
        return f"{escape(title)} <small>{escape(key)}</small>"
    return escape(title or key or empty_key_name(by))


def _row(bucket: Bucket, name: str) -> str:
    cells = (
        number(bucket.turns),
        _amount(bucket.total("usd")),
        _amount(bucket.total("credits"), partial(Total.cell, unit=Unit.CREDITS)),
        _amount(bucket.total("tokens"), partial(Total.cell, write=count_text)),
        *(_amount(bucket.total(member)) for member in COST_MEMBERS),
        number(bucket.incomplete),
    )
    columns = "".join(f'<td class="n">{cell}</td>' for cell in cells)
    return f'<tr><th scope="row">{name}</th>{columns}</tr>'


def _amount(amount: Total, write: Callable[[Total], str] = Total.cell) -> str:
    text, gaps = escape(write(amount)), amount.gap_words
    return f'{text} <small class="gap">{gaps}</small>' if gaps else text


def _note(amount: Total) -> str:
    return " ".join(filter(None, ["so far" if amount.so_far else "", amount.gap_words]))


def _text(text: str, limit: int = 200) -> str:
    return escape(clean_line(text, limit))


# -- colors ------------------------------------------------------------------------------
# Reports are shown outside the terminal, so they do not use the themes of the screen. Text has a contrast of
# 4.5:1 or better on its background.
COLORS: Final = {
    "ground": ("#fcfbf8", "#10141a"),
    "card": ("#ffffff", "#171c24"),
    "edge": ("#e2ded5", "#2a323e"),
    "grid": ("#e9e6df", "#28303b"),
    "text": ("#20262f", "#e4e8ee"),
    "muted": ("#57606d", "#9aa6b6"),
    "line": ("#27509f", "#93b7ff"),
    "gap": ("#8a6212", "#f2bd6b"),
    "warn": ("#7c4a03", "#f2bd6b"),
    "model": ("#0f7a6b", "#6fd6bb"),
    "tools": ("#3563b8", "#93b7ff"),
    "sandbox": ("#b4690e", "#f2bd6b"),
    "internal": ("#8b4a94", "#d9a3e2"),
}
"""The light and the dark color of each role."""


def _style_rules() -> str:
    light, dark = (";".join(f"--{name}:{pair[at]}" for name, pair in COLORS.items()) for at in range(2))
    dark_rule = f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return f":root{{color-scheme:light dark;{light}}}\n{dark_rule}{_RULES}"


_RULES: Final = """
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);
font:15px/1.5 system-ui,-apple-system,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif}
main{max-width:1200px;margin:0 auto;padding:32px}
h1{font-size:32px;margin:0}h2{font-size:20px;margin:0 0 12px}
h1+p{margin:2px 0 20px}
ul{list-style:none;margin:0;padding:0}
.muted,small{color:var(--muted)}.gap{color:var(--gap)}
.banner{border:2px dashed var(--warn);color:var(--warn);border-radius:10px;padding:8px 16px;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:16px}
.tiles li,.card{background:var(--card);border:1px solid var(--edge);border-radius:12px;padding:16px 20px}
.tiles span,.tiles strong{display:block;font-size:13px;min-height:1.5em;overflow-wrap:anywhere}
.tiles strong{font-size:27px;line-height:1.35}
.card{margin:20px 0;padding:20px 28px}.wide{overflow-x:auto}
figcaption{display:flex;justify-content:space-between;gap:16px}figcaption b{font-size:20px}
.plot{position:relative;height:230px;margin:64px 0 32px 76px;font-size:13px}
.tick{position:absolute;left:0;right:0;border-bottom:1px solid var(--grid)}
.tick small{position:absolute;right:100%;padding-right:10px;transform:translateY(-50%)}
.bars{position:absolute;inset:0;display:flex}
.bars li{position:relative;flex:1;display:flex;flex-direction:column;justify-content:flex-end}
.bars li{align-items:center}
.bars b,.bars i{flex:none}.bars i{width:72%;max-width:58px}
.bars small{position:absolute;top:100%;padding-top:6px;white-space:nowrap}
.bar{min-height:2px;border-radius:4px 4px 0 0;background:var(--model)}
.hatched{height:16px;margin-bottom:2px;border:1px solid var(--gap)}
.hatched,.not-split{background:repeating-linear-gradient(135deg,var(--gap) 0 2px,transparent 2px 7px)}
.bars svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
polyline{fill:none;stroke:var(--line);stroke-width:3;vector-effect:non-scaling-stroke}
.dashed{stroke-dasharray:7 5}
.shares{display:flex;gap:2px;height:44px;margin:16px 0}.shares i{min-width:1px;border-radius:3px}
.legend{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px}
.legend i{display:inline-block;width:14px;height:14px;border-radius:3px}
:where(.shares,.legend) i{background:var(--muted)}
.model{background:var(--model)}.tools{background:var(--tools)}
.sandbox{background:var(--sandbox)}.internal{background:var(--internal)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:7px 10px;text-align:left;border-bottom:1px solid var(--grid);font-weight:400}
thead th{color:var(--muted);font-size:13px}tfoot th,tfoot td{font-weight:600;border-bottom:0}
.n{text-align:right;white-space:nowrap}
tbody th{min-width:9em;max-width:26em;overflow-wrap:break-word}
@media (max-width:1100px){.card{padding:16px}th,td{padding:6px;font-size:13px}tbody th{min-width:7em}}
@media (max-width:640px){main{padding:16px}}
"""
