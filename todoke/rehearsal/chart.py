"""The season as a picture: mails by day and kind, the hours in which they leave, and what desks have to bear. SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from core.kinds import Kind

WIDTH, HEIGHT = 1200, 1110
_LEFT, _RIGHT = 84, 24
_PLOT = WIDTH - _LEFT - _RIGHT
_HOURS = range(8, 19)
_CLOSED, _NEVER = "#f0f0ee", "#fafaf8"
_LABEL, _LABELS_APART = 30.0, 40.0
"""Pixels: how high the label of a step is, and how close a step may be to the one before it to have one."""

Group = tuple[str, frozenset[Kind], str]
"""Name, kinds and colour."""

REMINDERS: Group = ("催促", frozenset({Kind.REMINDER}), "#2f6db5")
OTHERS: Sequence[Group] = (
    (
        "事前確認・利用案内",
        frozenset({Kind.PRE_CHECK, Kind.GUIDE, Kind.EXISTING_USER_CONFIRM}),
        "#e08a1e",
    ),
    (
        "認証コード・そのほか",
        frozenset({Kind.CODE, Kind.APPLICATION_COMPLETE, Kind.REJECTION, Kind.PASSWORD_RESET, Kind.ADDRESS_CHANGED}),
        "#6b7d4f",
    ),
)
"""What the kinds of mail are drawn as. Reminders, which are a hundred times as many, have a scale of their own."""


@dataclass(frozen=True, slots=True)
class _Panel:
    """A part of the picture; `most` is the value at its top."""

    top: float
    height: float
    most: float

    def y(self, value: float) -> float:
        """Where a value lies."""
        return self.top + self.height * (1 - value / self.most)


def draw(result: Mapping[str, Any]) -> str:
    """The whole picture, standing for itself."""
    days = result["days"]
    parts = [
        *_frame(result),
        *_daily(days, 90, 200, "催促の1日の送信数", [REMINDERS]),
        *_step_labels(result, 90, 200),
        *_daily(days, 366, 110, "そのほかの1日の送信数", OTHERS),
        *_heat(result, 552),
        *_prefectures(result["prefectures"], 816),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            "font-family=\"'Noto Sans CJK JP','Noto Sans JP','Hiragino Sans','Yu Gothic',sans-serif\" font-size=\"13\" "
            'fill="#222" role="img" aria-label="報告期間の予行">',
            *parts,
            "</svg>",
            "",
        ]
    )


def _frame(result: Mapping[str, Any]) -> Iterator[str]:
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    yield _text(
        _LEFT, 34, f"報告期間の予行　{result['fiscal_year']}年度　{result['institutions']:,}機関", size=20, bold=True
    )
    mails = result["mails"]
    told = (
        f"{result['from'][:10]} ～ {result['to'][:10]}　送信 {mails['taken']:,}通　不達 {mails['failed']:,}通　"
        f"最多 {mails['peak']['count']:,}通/時　電話の見込み 都道府県 {result['calls']['prefectures']:,}件・"
        f"事務局 {result['calls']['secretariat']['calls']:,}件　seed {result['seed']}"
    )
    yield _text(_LEFT, 58, told, fill="#555")


def _daily(
    days: Sequence[Mapping[str, Any]], top: float, height: float, title: str, groups: Sequence[Group]
) -> Iterator[str]:
    panel = _daily_panel(days, top, height, groups)
    yield _text(_LEFT, top + 12, title, bold=True)
    yield from _legend(top + 12, groups)
    yield from _grid(panel)
    step = _PLOT / max(1, len(days))
    for place, day in enumerate(days):
        x = _LEFT + place * step
        if day["closed"]:
            yield _box(x, panel.top, step, panel.height, _CLOSED)
        yield from _stack(x + step * 0.1, step * 0.8, day["mails"], groups, panel)
    yield from _dates(days, step, panel.top + panel.height)


def _daily_panel(days: Sequence[Mapping[str, Any]], top: float, height: float, groups: Sequence[Group]) -> _Panel:
    """With room for two lines over the highest day."""
    most = max([1, *(sum(_count(day["mails"], group) for group in groups) for day in days)])
    return _Panel(top + 28, height, nice(most * height / (height - _LABEL)))


def _count(mails: Mapping[str, int], group: Group) -> int:
    return sum(mails.get(kind, 0) for kind in group[1])


def _stack(x: float, width: float, mails: Mapping[str, int], groups: Sequence[Group], panel: _Panel) -> Iterator[str]:
    below = 0.0
    for group in groups:
        name, _, colour = group
        count = _count(mails, group)
        if count:
            top = panel.y(below + count)
            yield _box(x, top, width, panel.y(below) - top, colour, title=f"{name} {count:,}通")
            below += count


def _step_labels(result: Mapping[str, Any], top: float, height: float) -> Iterator[str]:
    """The name of each step, and how many reminders left, over the day on which it begins."""
    days = result["days"]
    panel, step = _daily_panel(days, top, height, [REMINDERS]), _PLOT / max(1, len(days))
    places = {day["day"]: place for place, day in enumerate(days)}
    begins = {(run["first_due"] or "")[:10]: run["step"] for run in result["runs"]}
    last = -_LABELS_APART
    for day in sorted(begins.keys() & places.keys()):
        x = _LEFT + (places[day] + 0.5) * step
        if x - last < _LABELS_APART:
            continue
        last, count = x, _count(days[places[day]]["mails"], REMINDERS)
        y = panel.y(count)
        yield _text(x, y - 17, begins[day], anchor="middle", size=11, bold=True)
        yield _text(x, y - 5, f"{count:,}", anchor="middle", size=11)


def _legend(y: float, groups: Sequence[Group]) -> Iterator[str]:
    x = _LEFT + 200.0
    for name, colour in [*((name, colour) for name, _, colour in groups), ("閉庁日", _CLOSED)]:
        yield _box(x, y - 11, 13, 13, colour)
        yield _text(x + 19, y, name)
        x += 40 + len(name) * 13


def _grid(panel: _Panel) -> Iterator[str]:
    for part in range(5):
        value = panel.most * part / 4
        y = panel.y(value)
        yield f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d9d9d6"/>'
        yield _text(_LEFT - 8, y + 4, f"{value:,.1f}".removesuffix(".0"), anchor="end", fill="#555")


def _dates(days: Sequence[Mapping[str, Any]], step: float, y: float) -> Iterator[str]:
    for place, day in enumerate(days):
        when = date.fromisoformat(day["day"])
        if when.day in (1, 11, 21):
            x = _LEFT + place * step
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{y + 5:.1f}" stroke="#888"/>'
            yield _text(x, y + 19, f"{when.month}/{when.day}", fill="#555")


def _heat(result: Mapping[str, Any], top: float) -> Iterator[str]:
    """Days across, hours down; the darker, the more mails, by orders of magnitude."""
    hours = {(one["hour"][:10], int(one["hour"][11:13])): one["mails"] for one in result["hours"]}
    most = max([1, *hours.values()])
    yield _text(_LEFT, top + 12, "時間ごとの送信数（すべてのメール）", bold=True)
    yield from _scale(top + 12, most)
    days, row = result["days"], 18.0
    step = _PLOT / max(1, len(days))
    for place, day in enumerate(days):
        for line, hour in enumerate(_HOURS):
            count = hours.get((day["day"], hour), 0)
            colour = shade(count, most) if count else _CLOSED if day["closed"] else _NEVER
            title = f"{day['day']} {hour}時 {count:,}通" if count else ""
            yield _box(_LEFT + place * step, top + 28 + line * row, step - 0.6, row - 1, colour, title=title)
    for line, hour in enumerate(_HOURS):
        yield _text(_LEFT - 8, top + 28 + line * row + 13, f"{hour}時", anchor="end", fill="#555")
    yield from _dates(days, step, top + 28 + len(_HOURS) * row)


def _scale(y: float, most: int) -> Iterator[str]:
    """What the shades mean, for powers of ten."""
    x = _LEFT + 270.0
    for count in (10**power for power in range(len(str(most)))):
        yield _box(x, y - 11, 13, 13, shade(count, most))
        told = f"{count:,}通"
        yield _text(x + 19, y, told)
        x += 44 + len(told) * 8


def shade(count: int, most: int) -> str:
    """From a light to a dark blue, by the logarithm."""
    part = math.log1p(count) / math.log1p(most)
    light, dark = (214, 228, 243), (16, 58, 112)
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in zip(light, dark, strict=True))


def _prefectures(places: Sequence[Mapping[str, Any]], top: float) -> Iterator[str]:
    """Calls in the busiest hour of each desk."""
    panel = _Panel(top + 28, 180, nice(1.1 * max([1, *(place["peak_calls"]["count"] for place in places)])))
    yield _text(_LEFT, top + 12, "都道府県の窓口に掛かる電話の見込み（最も多い1時間、件）", bold=True)
    yield from _grid(panel)
    step = _PLOT / max(1, len(places))
    for number, place in enumerate(places):
        x, calls = _LEFT + number * step, place["peak_calls"]
        y = panel.y(calls["count"])
        title = f"{place['name']} {calls['count']:,}件/時（{(calls['hour'] or '-')[:16]}）"
        yield _box(x + step * 0.15, y, step * 0.7, panel.top + panel.height - y, "#8a4b9e", title=title)
        middle, base = x + step / 2, panel.top + panel.height + 10
        yield _text(middle, y - 4, f"{calls['count']:,}", anchor="middle", size=11)
        yield (
            f'<text x="{middle:.1f}" y="{base:.1f}" font-size="11" fill="#444" writing-mode="vertical-rl">'
            f"{escape(place['name'])}</text>"
        )


def nice(value: float) -> float:
    """A round number at or above a value, that a quarter of is round, too."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    rounds = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if power > 1 else (1, 2, 4, 6, 8, 10)
    return next(times * power for times in rounds if times * power >= value)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", fill: str = "", size: int = 0, bold: bool = False
) -> str:
    more = f' fill="{fill}"' if fill else ""
    more += f' font-size="{size}"' if size else ""
    more += ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, fill: str, *, title: str = "") -> str:
    at = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"'
    return f"{at}><title>{escape(title)}</title></rect>" if title else f"{at}/>"
