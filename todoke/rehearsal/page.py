"""A rehearsal's result as one page that needs nothing else: picture, runs, desks, promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from core.kinds import Kind
from todoke.rehearsal.chart import draw

_STYLE = """
body { font-family: 'Noto Sans CJK JP','Noto Sans JP','Hiragino Sans','Yu Gothic',sans-serif; color: #222;
  margin: 2rem auto; max-width: 1240px; padding: 0 1rem; line-height: 1.6 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; width: 100%; font-size: .92rem } th, td { padding: .3rem .6rem; text-align: right }
th { background: #f0f0ee; font-weight: 600 } th:first-child, td:first-child { text-align: left }
td { border-bottom: 1px solid #e4e4e0 } svg { width: 100%; height: auto }
.kept { color: #2d6a2d } .broken { color: #b00020; font-weight: 700 } .note { color: #555; font-size: .9rem }
.wide { overflow-x: auto }
"""


def page(result: Mapping[str, Any]) -> str:
    """The whole page."""
    verdict = '<span class="kept">すべて守られました</span>'
    if not result["holds"]:
        verdict = '<span class="broken">守られなかった約束があります</span>'
    parts = [
        f"<h1>報告期間の予行（{result['fiscal_year']}年度、{result['institutions']:,}機関）</h1>",
        '<p class="note">模擬の機関・中継サーバ・報告行動に対して、実際の予定・送信・不達処理を動かした結果です。</p>',
        f"<p>確かめた約束: {verdict}</p>",
        f'<div class="wide">{draw(result)}</div>',
        *_section("催促の各回", _RUNS, (_run(run) for run in result["runs"])),
        *_section("メールの種類", _KINDS, (_kind(name, told) for name, told in result["mails"]["kinds"].items())),
        *_section("都道府県", _PLACES, (_place(place) for place in result["prefectures"])),
        *_section("宛先のドメイン", _DOMAINS, (_domain(one) for one in result["domains"])),
        *_section("確かめた約束", _PROMISES, (_promise(one) for one in result["promises"])),
    ]
    head = f'<meta charset="utf-8"><title>報告期間の予行</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="ja"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


_RUNS = ("回", "予定", "送信完了", "報告済で取消", "不達・停止", "期限切れ", "始まり", "終わり")
_KINDS = ("種類", "送信", "最多/時", "その時間")
_PLACES = ("都道府県", "機関", "送信", "最多/時", "不達", "電話の見込み", "電話の最多/時", "電話の最多/日")
_DOMAINS = ("ドメイン", "送信", "最多/時", "上限/分（仮定）")
_PROMISES = ("約束", "確かめた回数", "結果")


def _section(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return [f"<h2>{escape(title)}</h2>", f"<table><thead><tr>{cells}</tr></thead><tbody>", *lines, "</tbody></table>"]


def _run(run: Mapping[str, Any]) -> list[str]:
    became = run["became"]
    return [
        escape(f"{run['label']} {run['step']}"),
        f"{run['planned']:,}",
        f"{became.get('sent', 0):,}",
        f"{became.get('cancelled: already-reported', 0):,}",
        f"{became.get('undelivered', 0) + became.get('suppressed', 0):,}",
        f"{became.get('expired', 0):,}",
        _minute(run["starts"]),
        _minute(run["ends"]),
    ]


def _kind(name: str, told: Mapping[str, Any]) -> list[str]:
    top = told["peak"]
    return [escape(Kind(name).label), f"{told['taken']:,}", f"{top['count']:,}", _minute(top["hour"])]


def _place(place: Mapping[str, Any]) -> list[str]:
    rings, day = place["peak_calls"], place["busiest_day"]
    return [
        escape(place["name"]),
        f"{place['institutions']:,}",
        f"{place['mails']:,}",
        f"{place['peak']['count']:,}",
        f"{place['failed']:,}",
        f"{place['calls']:,}",
        f"{rings['count']:,}（{_minute(rings['hour'])}）",
        f"{day['calls']:,}（{day['day'] or '-'}）",
    ]


def _domain(one: Mapping[str, Any]) -> list[str]:
    name = "機関ごとのドメイン" if one["domain"] == "own" else one["domain"]
    limit = f"{one['limit_per_minute']:,}" if one["limit_per_minute"] else "-"
    return [escape(name), f"{one['mails']:,}", f"{one['peak']['count']:,}", limit]


def _promise(one: Mapping[str, Any]) -> list[str]:
    verdict = '<span class="kept">守られた</span>'
    if one["broken"]:
        verdict = f'<span class="broken">破れた {one["broken"]:,}</span>'
    return [escape(one["label"]), f"{one['tested']:,}", verdict]


def _minute(moment: str | None) -> str:
    return "-" if moment is None else escape(moment[:16].replace("T", " "))
