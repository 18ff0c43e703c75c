"""The spending report as SVG, PNG, a self-contained HTML page, CSV and JSON.

CSV and JSON (schema `handinger-tui/costs/1`) have exact decimal text; unknown amounts are "" and null.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache, partial
from html import escape
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.amounts import EXACT, Total, Unit, decimal_text, json_amount
from handinger_tui.core.export.scenes import (
    AREA_STRENGTH,
    DARK,
    DASH,
    LIGHT,
    SIMULATED_REPORT,
    STRIPE,
    WIDTH,
    Area,
    Box,
    Dot,
    Ink,
    Line,
    Mark,
    Scene,
    TextAnchor,
    Word,
    bars,
    cumulative,
    day_points,
    move_marks,
    share_of,
)
from handinger_tui.core.figures import COST_MEMBERS
from handinger_tui.core.formatting import UNKNOWN, number, percent_text, plural
from handinger_tui.core.money.reconciliation import AssignedRise, owners_text
from handinger_tui.core.money.spending import SUMS, Bucket, GroupBy, Rise, empty_key_name
from handinger_tui.core.money.words import (
    about_text,
    bare_text,
    count_text,
    legend,
    total_cell,
    unknown_words,
)
from handinger_tui.core.safety import clean_line, csv_field, html_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from handinger_tui.core.jsontext import Json, JsonObject


FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"


def style() -> str:
    """The style rules for dark mode. Light colors are attributes of the marks, for viewers without CSS."""
    dark = "".join(f".f-{ink}{{fill:{hue}}}.s-{ink}{{stroke:{hue}}}" for ink, hue in DARK.items())
    return f"@media (prefers-color-scheme:dark){{{dark}}}"


def document(scene: Scene) -> str:
    """A standalone SVG file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{element(scene, styled=True)}\n'


def element(scene: Scene, *, styled: bool = False) -> str:
    """The `svg` element of a scene. `styled`: with its own style rules for dark mode."""
    hatched = {mark.ink for mark in scene.marks if isinstance(mark, Box) and mark.hatched}
    defs = "".join(_stripes(ink) for ink in sorted(hatched))
    body = "\n".join(_mark(mark) for mark in scene.marks)
    rules = f"<style>{style()}</style>" if styled else ""
    title = escape(scene.title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {scene.width} {scene.height}"'
        f' width="{scene.width}" height="{scene.height}" role="img" aria-label="{title}"'
        f' font-family="{FONT}">\n<title>{title}</title>{rules}<defs>{defs}</defs>\n{body}\n</svg>'
    )


def _stripes(ink: Ink) -> str:
    return (
        f'<pattern id="hatch-{ink}" width="{STRIPE}" height="{STRIPE}" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45)"><line x1="1" y1="0" x2="1" y2="{STRIPE}" class="s-{ink}"'
        f' stroke="{LIGHT[ink]}" stroke-width="2.4"/></pattern>'
    )


def _mark(mark: Mark) -> str:
    if isinstance(mark, Box):
        return _box(mark)
    if isinstance(mark, Word):
        return _word(mark)
    if isinstance(mark, Dot):
        return f'<circle cx="{_n(mark.x)}" cy="{_n(mark.y)}" r="{_n(mark.radius)}" {_fill(mark.ink)}/>'
    if isinstance(mark, Area):
        corners = ((mark.points[0][0], mark.floor), *mark.points, (mark.points[-1][0], mark.floor))
        return f'<polygon points="{_points(corners)}" {_fill(mark.ink)} fill-opacity="{AREA_STRENGTH}"/>'
    return _line(mark)


def _box(box: Box) -> str:
    position = f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'
    corner = f' rx="{_n(box.corner)}"' if box.corner else ""
    if not box.hatched:
        return f"<rect {position}{corner} {_fill(box.ink)}/>"
    edge = f'class="s-{box.ink}" stroke="{LIGHT[box.ink]}" stroke-width="1"'
    return f'<rect {position}{corner} fill="url(#hatch-{box.ink})" {edge}/>'


def _line(line: Line) -> str:
    dashes = f' stroke-dasharray="{DASH[0]} {DASH[1]}"' if line.dashed else ""
    return (
        f'<polyline points="{_points(line.points)}" fill="none" class="s-{line.ink}"'
        f' stroke="{LIGHT[line.ink]}" stroke-width="{_n(line.width)}" stroke-linejoin="round"{dashes}/>'
    )


def _word(word: Word) -> str:
    anchor = f' text-anchor="{word.anchor}"' if word.anchor != "start" else ""
    weight = ' font-weight="600"' if word.bold else ""
    return (
        f'<text x="{_n(word.x)}" y="{_n(word.y)}" font-size="{word.size}"{anchor}{weight}'
        f" {_fill(word.ink)}>{escape(word.text)}</text>"
    )


def _fill(ink: Ink) -> str:
    return f'class="f-{ink}" fill="{LIGHT[ink]}"'


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)


def _n(value: float) -> str:
    """A number as an SVG attribute: at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


_GAP: Final = 20
_MARGIN: Final = 32


class TotalFigure(Struct, frozen=True):
    """One large number. `note`: what is missing in it."""

    name: str
    value: str
    note: str = ""


def figures(spent: Bucket) -> tuple[TotalFigure, ...]:
    """The totals of a report, with notes on gaps."""
    cost, credit, token = (spent.total(name) for name in ("usd", "credits", "tokens"))
    share = EXACT.divide(spent.incomplete, spent.turns) if spent.turns else None
    return (
        TotalFigure("cost", about_text(cost), _gaps(cost)),
        TotalFigure("credits", about_text(credit, Unit.CREDITS, bare_text), _gaps(credit)),
        TotalFigure(
            "tokens",
            UNKNOWN if token.value is None else number(int(token.value)),
            _gaps(token),
        ),
        TotalFigure("turns", number(spent.turns)),
        TotalFigure(
            "incomplete",
            number(spent.incomplete),
            f"{percent_text(share)} of all turns" if spent.turns else "",
        ),
    )


def _gaps(amount: Total) -> str:
    return " ".join(filter(None, ["so far" if amount.so_far else "", unknown_words(amount)]))


def poster(report: Report) -> Scene:
    """The complete report as one scene."""
    side = 2 * _MARGIN
    marks: list[Mark] = [
        Word(0, 34, "Cost report", size=32, bold=True),
        Word(0, 64, clean_line(report.heading, 140), Ink.MUTED, 16),
    ]
    y = 84
    if report.simulated:
        marks += [
            Box(0, y, WIDTH, 36, Ink.WARN, hatched=True, corner=8),
            Box(10, y + 4, WIDTH - 20, 28, Ink.GROUND, corner=6),
            Word(WIDTH / 2, y + 23, SIMULATED_REPORT, Ink.WARN, 15, TextAnchor.MIDDLE, bold=True),
        ]
        y += 36 + _GAP
    marks += move_marks(_tiles(report.total), 0, y)
    y += 112 + _GAP
    for scene in (bars(report.days), share_of(report.total), cumulative(report.days)):
        marks += move_marks(scene.marks, 0, y)
        y += scene.height + _GAP
    marks.append(Word(0, y + 6, "USD as reported. Hatched or dashed: not reported.", Ink.MUTED, 13))
    height = y + 16
    shifted = move_marks(marks, _MARGIN, _MARGIN)
    ground = Box(0, 0, WIDTH + side, height + side, Ink.GROUND)
    return Scene(WIDTH + side, height + side, (ground, *shifted), "Cost report")


def _tiles(spent: Bucket) -> list[Mark]:
    tiles = figures(spent)
    wide = (WIDTH - _GAP * (len(tiles) - 1)) / len(tiles)
    marks: list[Mark] = []
    for at, figure in enumerate(tiles):
        x = at * (wide + _GAP)
        marks += [
            Box(x, 0, wide, 112, Ink.EDGE, corner=12),
            Box(x + 1, 1, wide - 2, 110, Ink.CARD, corner=11),
            Word(x + 20, 32, figure.name, Ink.MUTED, 14),
            Word(x + 20, 68, figure.value, size=_size(figure.value), bold=True),
            Word(x + 20, 94, figure.note, Ink.GAP if figure.note.startswith("+") else Ink.MUTED, 13),
        ]
    return marks


def _size(value: str) -> int:
    """The font size at which a number fits its tile."""
    return 28 if len(value) <= 11 else 18 if len(value) <= 16 else max(6, 288 // len(value))


POLICY: Final = "img-src data:"
"""The page may not fetch or run anything, whatever a title or an id contains."""


class Report(Struct, frozen=True):
    """The content of a report.

    `heading`: period and filters; `by`: the key of the groups; `date`: when it was written; `omitted`: how
    many groups are not listed; `remarks`: sentences below the table.
    """

    heading: str
    by: GroupBy
    days: Sequence[Bucket]
    groups: Sequence[Bucket]
    total: Bucket
    simulated: bool
    date: str
    omitted: int = 0
    remarks: Sequence[str] = ()


def page(report: Report) -> str:
    """The HTML document of a report."""
    scenes = (bars(report.days), share_of(report.total), cumulative(report.days))
    charts = "\n".join(f"<figure>{element(scene)}</figure>" for scene in scenes)
    banner = f'<p class="banner" role="note">{escape(SIMULATED_REPORT)}</p>' if report.simulated else ""
    remarks = "".join(f"<p>{_text(remark, 400)}</p>" for remark in report.remarks)
    main = f"""<h1>Cost report</h1>
<p class="muted">{_text(report.heading)}</p>
{banner}
{_page_tiles(report.total)}
{charts}
{_table(report)}
{remarks}
<p class="muted">Written by handinger-tui on {_text(report.date)}. Amounts are as the service reported them;
what it did not report is counted as missing, never as zero.</p>"""
    heading = clean_line(report.heading, 200)
    return html_page(f"Cost report: {heading}", f"{_style_rules()}{style()}", main, POLICY)


def _page_tiles(spent: Bucket) -> str:
    tiles = "".join(
        f'<li><span class="muted">{figure.name}</span><strong>{escape(figure.value)}</strong>'
        f'<span class="{"gap" if figure.note.startswith("+") else "muted"}">{escape(figure.note)}</span></li>'
        for figure in figures(spent)
    )
    return f'<ul class="tiles">{tiles}</ul>'


HEADS: Final = ("turns", "cost", "credits", "tokens", "model", "tool", "sandbox", "internal", "incomplete")


def _table(report: Report) -> str:
    heads = "".join(f'<th scope="col" class="n">{head}</th>' for head in HEADS)
    rows = "\n".join(_row(bucket, _name(bucket, report.by)) for bucket in report.groups)
    sums = [getattr(report.total, member) for member in SUMS]
    signs = legend([*sums, *(getattr(bucket, member) for bucket in report.groups for member in SUMS)])
    note = f'<p class="gap">{escape(signs)}</p>' if signs else ""
    omission = (
        f"<p>{escape(plural(report.omitted, 'more row'))} not listed here; all are in the total.</p>"
        if report.omitted
        else ""
    )
    return f"""<section class="card"><h2>By {escape(report.by)}</h2>
<div class="wide"><table>
<thead><tr><th scope="col">{escape(report.by)}</th>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
<tfoot>{_row(report.total, "total")}</tfoot>
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
        _amount(bucket.total("credits"), partial(total_cell, unit=Unit.CREDITS)),
        _amount(bucket.total("tokens"), partial(total_cell, write=count_text)),
        *(_amount(bucket.total(member)) for member in COST_MEMBERS),
        number(bucket.incomplete),
    )
    columns = "".join(f'<td class="n">{cell}</td>' for cell in cells)
    return f'<tr><th scope="row">{name}</th>{columns}</tr>'


def _amount(amount: Total, write: Callable[[Total], str] = total_cell) -> str:
    text, gaps = escape(write(amount)), unknown_words(amount)
    return f'{text} <small class="gap">{gaps}</small>' if gaps else text


def _text(text: str, limit: int = 200) -> str:
    return escape(clean_line(text, limit))


def _style_rules() -> str:
    light = ";".join(f"--{ink}:{hue}" for ink, hue in LIGHT.items())
    dark = ";".join(f"--{ink}:{hue}" for ink, hue in DARK.items())
    return f""":root{{color-scheme:light dark;{light}}}
@media (prefers-color-scheme:dark){{:root{{{dark}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--ground);color:var(--text);font:15px/1.5 {FONT}}}
main{{max-width:1200px;margin:0 auto;padding:32px}}
h1{{font-size:32px;margin:0}}h2{{font-size:20px;margin:0 0 12px}}
h1+p{{margin:2px 0 20px}}
.muted{{color:var(--muted)}}.gap{{color:var(--gap)}}
.banner{{border:2px dashed var(--warn);color:var(--warn);border-radius:10px;padding:8px 16px;font-weight:600}}
.tiles{{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:16px;list-style:none;padding:0;margin:0}}
.tiles li,.card{{background:var(--card);border:1px solid var(--edge);border-radius:12px;padding:16px 20px}}
.tiles span,.tiles strong{{display:block;font-size:13px;min-height:1.5em;overflow-wrap:anywhere}}
.tiles strong{{font-size:27px;line-height:1.35}}
figure{{margin:20px 0;overflow-x:auto}}figure svg{{display:block;width:100%;min-width:700px;height:auto}}
.card{{margin:20px 0;padding:20px 28px}}.wide{{overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}}
th,td{{padding:7px 10px;text-align:left;border-bottom:1px solid var(--grid);font-weight:400}}
thead th{{color:var(--muted);font-size:13px}}tfoot th,tfoot td{{font-weight:600;border-bottom:0}}
.n{{text-align:right;white-space:nowrap}}th small{{color:var(--muted)}}
tbody th{{min-width:9em;max-width:26em;overflow-wrap:break-word}}
@media (max-width:1100px){{.card{{padding:16px}}th,td{{padding:6px;font-size:13px}}tbody th{{min-width:7em}}}}
@media (max-width:640px){{main{{padding:16px}}}}
"""


# -- the formats, by the suffix of the file name --------------------------------------------
def _html(report: Report) -> bytes:
    return page(report).encode("utf-8", "replace")


def _svg(report: Report) -> bytes:
    return document(poster(report)).encode("utf-8", "replace")


def _png(report: Report) -> bytes:
    from handinger_tui.core.export.png import picture  # imports Pillow (30 ms)

    return picture(poster(report))


REPORTS: Final[dict[str, Callable[[Report], bytes]]] = {".html": _html, ".svg": _svg, ".png": _png}
"""Suffix → renderer. The option `--report` and its help derive from this table."""


# -- CSV and JSON ------------------------------------------------------------------------------
END: Final = "\r\n"


def line(cells: Iterable[Json]) -> str:
    """One CSV record without its line end."""
    return ",".join(map(cell, cells))


def cell(value: Json) -> str:
    """One CSV field. A text becomes one line that spreadsheets do not treat as a formula."""
    # Frequent types first, since a history has millions of cells.
    if type(value) is int:
        return str(value)
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, str):
        return value if _PLAIN_CELL.fullmatch(value) else _text_cell(value)
    return decimal_text(value) if isinstance(value, Decimal) else str(value).lower()


_PLAIN_CELL: Final = re.compile(r"[A-Za-z0-9_.]{0,99}")
"""A fast path for nearly all texts: one that needs no changes."""


@lru_cache(1024)
def _text_cell(text: str) -> str:
    return csv_field(clean_line(text))


SCHEMA: Final = "handinger-tui/costs/1"

COLUMNS: Final = (
    "key",
    "title",
    "turns",
    "incomplete",
    "cost_usd",
    "credits",
    "tokens",
    *COST_MEMBERS,
    "split_excess_usd",
    "unpriced_turns",
    "uncredited_turns",
    "uncounted_turns",
    "unsplit_turns",
    "first_ms",
    "last_ms",
    "suspense_usd",
    "suspense_credits",
    "doubtful",
)
"""The members of a group in JSON, and the columns in CSV."""


def group_object(bucket: Bucket) -> JsonObject:
    """One group. Amounts of a group without turns are 0; an amount that no turn reported is null.

    `split_excess_usd`: by how much the four categories exceed the cost. `unpriced_turns` to `unsplit_turns`:
    how many turns are missing in the cost, in the credits, in the tokens, and in any of the categories.
    `suspense_usd`, `suspense_credits`: the part that no turn explains. `doubtful`: the cost or the credits
    depend on the meaning of a worker's figures.
    """
    tokens = bucket.total("tokens").value
    return {
        "key": clean_line(bucket.key),
        "title": clean_line(bucket.title),
        "turns": bucket.turns,
        "incomplete": bucket.incomplete,
        "cost_usd": _money(bucket, "usd"),
        "credits": _money(bucket, "credits"),
        "tokens": None if tokens is None else int(tokens),
        **{member: _money(bucket, member) for member in COST_MEMBERS},
        "split_excess_usd": json_amount(bucket.split_excess),
        "unpriced_turns": bucket.usd.missing_turns,
        "uncredited_turns": bucket.credits.missing_turns,
        "uncounted_turns": bucket.tokens.missing_turns,
        "unsplit_turns": bucket.unsplit,
        "first_ms": bucket.first_ms,
        "last_ms": bucket.last_ms,
        "suspense_usd": decimal_text(bucket.suspense_usd),
        "suspense_credits": decimal_text(bucket.suspense_credits),
        "doubtful": bucket.usd.doubtful or bucket.credits.doubtful,
    }


def suspense_object(bucket: Bucket) -> JsonObject:
    """The suspense of a worker: a group without turns, with each rise of the worker's figures."""
    return {**group_object(bucket), "rises": [*map(_rise_object, bucket.rises)]}


def _rise_object(rise: Rise) -> JsonObject:
    return {
        "number": rise.number,
        "seen_ms": rise.seen_ms,
        "cost_usd": json_amount(rise.usd),
        "credits": json_amount(rise.credits),
        **{member: json_amount(getattr(rise.costs, member)) for member in COST_MEMBERS},
        "tokens": rise.tokens,
        "after_turn_id": rise.after,
        "refused_turn_ids": [*rise.refused],
        "messages_of_others": rise.strangers,
        "doubtful": rise.doubtful,
        "likely_owners": owners_text(rise),
    }


def assigned_object(one: AssignedRise) -> JsonObject:
    """A rise that the person assigned to a turn."""
    return {"number": one.number, "worker_id": one.worker_id, "turn_id": one.turn_id}


def charts_object(days: Sequence[Bucket], total: Bucket) -> JsonObject:
    """The points of the charts, sorted by time; only days with turns."""
    per_day: list[Json] = [
        {
            "day": point.day,
            "cost_usd": json_amount(point.usd),
            "cumulative_usd": json_amount(point.cumulative),
            "unpriced_turns": point.gaps,
        }
        for point in day_points(days)
    ]
    return {"per_day": per_day, "categories": {member: _money(total, member) for member in COST_MEMBERS}}


def _money(bucket: Bucket, member: str) -> str | None:
    return json_amount(bucket.total(member).value)
