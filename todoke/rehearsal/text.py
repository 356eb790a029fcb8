"""A rehearsal's result for the people who will run the season."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.kinds import Kind
from todoke.cli.output import bold, print_line, print_table

_MOST_PREFECTURES = 10


def print_result(result: Mapping[str, Any]) -> None:
    """The whole report."""
    for line in _opening(result):
        print_line(line)
    _print_runs(result)
    _print_kinds(result)
    _print_prefectures(result)
    _print_domains(result)
    for line in (*_calls(result), *_trouble(result)):
        print_line(line)
    _print_promises(result)


def _opening(result: Mapping[str, Any]) -> Iterator[str]:
    yield bold(f"報告期間の予行（{result['fiscal_year']}年度、{result['institutions']:,}機関、seed {result['seed']}）")
    yield f"期間 {_minute(result['from'])} ～ {_minute(result['to'])}"
    mails = result["mails"]
    top = mails["peak"]
    yield f"送信 {mails['taken']:,}通　最も多い1時間 {top['count']:,}通（{_minute(top['hour'])}～）"
    yield f"不達 {mails['failed']:,}通　報告と行き違いになった催促 {mails['crossed_with_report']:,}通"
    if result["without_contact"]:
        yield (
            f"※ 窓口の連絡先が設定されていない都道府県が{len(result['without_contact'])}あります。"
            "予行では模擬の連絡先で補いましたが、本番では、これらの都道府県のメールは送られません。"
        )


def _print_runs(result: Mapping[str, Any]) -> None:
    _heading("催促の各回")
    rows = [
        {
            "run": f"{run['label']} {run['step']}",
            "planned": f"{run['planned']:,}",
            "sent": f"{run['became'].get('sent', 0):,}",
            "reported": f"{run['became'].get('cancelled: already-reported', 0):,}",
            "failed": f"{run['became'].get('undelivered', 0) + run['became'].get('suppressed', 0):,}",
            "expired": f"{run['became'].get('expired', 0):,}",
            "starts": _minute(run["starts"]),
            "ends": _minute(run["ends"]),
        }
        for run in result["runs"]
    ]
    columns = {"run": "回", "planned": "予定", "sent": "送信完了", "reported": "報告済で取消", "failed": "不達・停止"}
    print_table(rows, columns | {"expired": "期限切れ", "starts": "始まり", "ends": "終わり"})


def _print_kinds(result: Mapping[str, Any]) -> None:
    _heading("メールの種類")
    rows = [
        {
            "kind": Kind(kind).label,
            "taken": f"{told['taken']:,}",
            "peak": f"{told['peak']['count']:,}",
            "hour": _minute(told["peak"]["hour"]),
        }
        for kind, told in result["mails"]["kinds"].items()
    ]
    print_table(rows, {"kind": "種類", "taken": "送信", "peak": "最多/時", "hour": "その時間"})


def _print_prefectures(result: Mapping[str, Any]) -> None:
    _heading(f"都道府県（電話の多い順に{_MOST_PREFECTURES}。全件は --json）")
    busiest = sorted(result["prefectures"], key=lambda one: (-one["peak_calls"]["count"], one["code"]))
    rows = [
        {
            "name": place["name"],
            "institutions": f"{place['institutions']:,}",
            "mails": f"{place['mails']:,}",
            "peak": f"{place['peak']['count']:,}",
            "calls": f"{place['calls']:,}",
            "hour": f"{place['peak_calls']['count']:,}（{_minute(place['peak_calls']['hour'])}）",
            "day": f"{place['busiest_day']['calls']:,}（{place['busiest_day']['day'] or '-'}）",
        }
        for place in busiest[:_MOST_PREFECTURES]
    ]
    columns = {"name": "都道府県", "institutions": "機関", "mails": "送信", "peak": "最多/時", "calls": "電話の見込み"}
    print_table(rows, columns | {"hour": "電話の最多/時", "day": "電話の最多/日"})


def _print_domains(result: Mapping[str, Any]) -> None:
    _heading("宛先のドメイン")
    rows = [
        {
            "domain": "機関ごとのドメイン" if one["domain"] == "own" else one["domain"],
            "mails": f"{one['mails']:,}",
            "peak": f"{one['peak']['count']:,}",
            "limit": f"{one['limit_per_minute']:,}" if one["limit_per_minute"] else "-",
        }
        for one in result["domains"]
    ]
    print_table(rows, {"domain": "ドメイン", "mails": "送信", "peak": "最多/時", "limit": "上限/分（仮定）"})


def _calls(result: Mapping[str, Any]) -> Iterator[str]:
    calls = result["calls"]
    assumed = calls["assumption"]
    yield ""
    yield bold("電話の見込み")
    yield (
        f"仮定: 催促の{assumed['reminder']['percent']:g}%、利用案内の{assumed['guide']['percent']:g}%、"
        f"事前確認の{assumed['pre-check']['percent']:g}%、不達の{assumed['undelivered']['percent']:g}%が"
        "電話になり、受信後の開庁時間に順に掛かってくる。"
    )
    desk = calls["secretariat"]
    yield f"都道府県の窓口 計{calls['prefectures']:,}件"
    yield (
        f"G-MIS事務局 計{desk['calls']:,}件、最多 {desk['peak']['count']:,}件/時（{_minute(desk['peak']['hour'])}）、"
        f"{desk['busiest_day']['calls']:,}件/日（{desk['busiest_day']['day'] or '-'}）"
    )


def _trouble(result: Mapping[str, Any]) -> Iterator[str]:
    relay, tries = result["relay"], result["mails"]["tries"]
    yield ""
    yield bold("中継サーバ（模擬）")
    yield "送信の試み " + "、".join(f"{_TRIES[name]} {count:,}" for name, count in tries.items())
    yield f"うちドメインの上限による延期 {relay['over_domain_limit']:,}　接続 {relay['connections']}本"
    for outage in relay["outages"]:
        yield f"停止 {_minute(outage['from'])} ～ {_minute(outage['to'])}"


_TRIES = {
    "accepted": "受付",
    "refused": "拒否",
    "refused-for-now": "延期",
    "reply-lost": "応答が失われた",
    "unreachable": "接続できない",
}


def _print_promises(result: Mapping[str, Any]) -> None:
    _heading("確かめた約束")
    rows = [
        {
            "result": "守られた" if not one["broken"] else f"破れた {one['broken']:,}",
            "tested": f"{one['tested']:,}",
            "label": one["label"],
        }
        for one in result["promises"]
    ]
    print_table(rows, {"result": "結果", "tested": "確かめた回数", "label": "約束"})
    for one in result["promises"]:
        for example in one["examples"]:
            print_line(f"  {one['promise']}: {example}")


def _heading(text: str) -> None:
    print_line()
    print_line(bold(text))


def _minute(moment: str | None) -> str:
    return "-" if moment is None else moment[:16].replace("T", " ")
