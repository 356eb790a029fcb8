"""Makes the sample files, the same octets every time: `python -m config.samples.make [FOLDER]`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from config.samples import FOLDER, cases
from config.samples.cases import Bad, Case, Changes

PLACES = {
    "01": "雛形町",
    "04": "下書市",
    "13": "見本区",
    "23": "試作市",
    "27": "例示市",
    "35": "架空市",
    "40": "仮名市",
}
"""Towns that do not exist, one a prefecture."""

WORDS = (
    *("こもれび", "あおぞら", "みなと", "さくら坂", "月見台", "朝凪", "星の宮", "風待ち", "緑ヶ丘", "ひなた"),
    *("千歳橋", "若葉", "花水木", "七色", "たんぽぽ", "まつかぜ", "ことり", "夕映え", "白樺", "すずらん"),
    *("山ノ手", "しおさい", "ほしぞら", "つばめ", "きんもくせい", "石畳", "やまびこ", "せせらぎ", "かえで", "みずほの"),
)
SIDES = ("", "東", "西", "南", "北", "中央")
SUFFIXES = {"hospital": "病院", "clinic": "内科医院", "dental": "歯科医院", "maternity": "助産院", "pharmacy": "薬局"}
PEOPLE = (
    *(("髙橋", "花子"), ("山﨑", "太郎"), ("田中", "美咲"), ("渡邉", "健一"), ("佐々木", "明"), ("宮﨑", "千尋")),
    *(("鈴木", ""), ("伊藤", "恵"), ("髙田", "誠"), ("齋藤", "由紀"), ("", "")),
)
DEPARTMENTS = ("総務課", "", "医事課", "事務部 総務係", "", "地域医療連携室", "管理本部")

_CSV_HEADER = (
    *("job_id", "kind", "application.id", "application.route", "application.account", "application.received_on"),
    *("application.approved_on", "institution.code", "institution.name", "institution.type", "institution.prefecture"),
    *("recipient.email", "recipient.department", "recipient.family_name", "recipient.given_name"),
    *("data.login_id", "data.setup_url", "data.expires_at"),
)
_NUMBERS = frozenset({"data.fiscal_year", "fiscal_year"})
_CSV_FIRST, _NDJSON_FIRST = 1, 301


def application(number: int, given: Changes) -> dict[str, str]:
    """The account-issue of application `number`, flat under dotted keys, with what is given instead."""
    given = {key: value.replace("{n}", f"{number:04d}") for key, value in given.items()}
    job = {
        "job_id": f"demo-job-{number:04d}",
        "kind": "account-issue",
        "application.id": f"demo-app-{number:04d}",
        "application.route": "self",
        "application.account": "none",
        "application.received_on": f"2026-11-{16 + number % 5}",
        "application.approved_on": f"2026-12-{14 + number % 5}",
        **_institution(number, given),
        **_recipient(number),
        **_data(number),
    }
    return {key: value for key, value in (job | given).items() if value}


def _institution(number: int, given: Changes) -> Changes:
    prefecture = given.get("institution.prefecture") or sorted(PLACES)[number % len(PLACES)]
    kind = given.get("institution.type") or tuple(SUFFIXES)[number % len(SUFFIXES)]
    word = SIDES[number // len(WORDS) % len(SIDES)] + WORDS[number % len(WORDS)]
    return {
        "institution.code": f"{prefecture}99{number:06d}",
        "institution.name": PLACES.get(prefecture, "無名村") + word + SUFFIXES[kind],
        "institution.type": kind,
        "institution.prefecture": prefecture,
    }


def _recipient(number: int) -> Changes:
    family, given = PEOPLE[number % len(PEOPLE)]
    return {
        "recipient.email": f"jimu{number:04d}@example.jp",
        "recipient.department": DEPARTMENTS[number % len(DEPARTMENTS)],
        "recipient.family_name": family,
        "recipient.given_name": given,
    }


def _data(number: int) -> Changes:
    token = hashlib.sha256(f"todoke demo {number}".encode()).hexdigest()[:30]
    return {"data.login_id": f"demo{number:06d}", "data.setup_url": f"https://www.g-mis.mhlw.go.jp/s/demo-{token}"}


def _all(first: int, sorts: Iterable[Case]) -> Iterator[dict[str, str]]:
    for times, given, own_first in sorts:
        start = first if own_first is None else own_first
        for number in range(start, start + times):
            yield application(number, given)
        first += times if own_first is None else 0


def _refused(line: Bad) -> dict[str, str]:
    given = {"job_id": f"demo-refused-{line.number:04d}"} | dict(line.changes)
    return application(line.number, given)


def applications_csv() -> bytes:
    """Applications approved by 25 December, as a spreadsheet saves them: CP932, `1` for the prefecture 01."""
    rows = [*_all(_CSV_FIRST, cases.CSV_CASES), *map(_refused, cases.CSV_BAD)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _CSV_HEADER, restval="")
    writer.writeheader()
    writer.writerows(_as_spreadsheet(row) for row in rows)
    text.write("demo-refused-cells" + "," * len(_CSV_HEADER) + "余り\r\n")
    return text.getvalue().encode("cp932")


def _as_spreadsheet(row: Mapping[str, str]) -> dict[str, str]:
    return dict(row) | {"institution.prefecture": row["institution.prefecture"].lstrip("0")}


def applications_ndjson() -> bytes:
    """Applications approved by 28 December, the other kinds of mail, and lines that are refused."""
    good = list(_all(_NDJSON_FIRST, cases.NDJSON_CASES))
    flat = chain(good, [_refused(cases.BEFORE_THE_GUIDE)], _others(), map(_refused, cases.NDJSON_BAD))
    again = [good[0], good[1] | {"recipient.family_name": "別人"}]  # repeated as it was; the same id with another body
    return _lines([*map(_nested, flat), *map(_nested, again)], '{"job_id": "demo-refused-cut", "kind": "acc')


def _others() -> Iterator[dict[str, str]]:
    for place, (number, given) in enumerate(cases.OTHER_MAILS, start=1):
        yield application(number, {"job_id": f"demo-mail-{place:02d}"} | dict(given))
    for place, given in enumerate(cases.CODES, start=1):
        data = {"data.code": f"{place}{place}0 0{place}{place}", "data.expires_at": _code_expiry(given)}
        yield {"job_id": f"demo-code-{place:02d}", "kind": "code", **given, **data}


def _code_expiry(given: Changes) -> str:
    return "2027-01-01T00:35:00+09:00" if "not_before" in given else "2026-12-28T10:30:00+09:00"


def reports_ndjson() -> bytes:
    """Reporting statuses of the fiscal year 2026 as of 28 December."""
    told = [
        *(_report(number, "not-started") for number in range(1, 25)),
        *(_report(number, "in-progress") for number in range(25, 37)),
        *(_report(number, "not-started", last_year_data=False) for number in range(37, 40)),
        *(_report(number, "reported", institution_prefecture="04") for number in range(40, 45)),
        _report(990, "not-started", channel="paper", recipient=None),
        _report(991, "not-started", channel="paper", recipient=None),
        _report(992, "not-started", email="reminder.complaint+fuman0992@example.jp"),
        _report(993, "in-progress", email="reminder.bounce-5.1.1+taishoku0993@example.jp"),
        _report(994, "done"),
    ]
    return _lines(told)


def reports_january_ndjson() -> bytes:
    """What the first morning of the period brings: some have reported before their reminder leaves."""
    as_of = "2027-01-05T08:30:00+09:00"
    return _lines(
        [
            *(_report(number, "reported", as_of=as_of) for number in range(2, 8)),
            *(_report(number, "in-progress", as_of=as_of) for number in range(8, 11)),
            _report(25, "reported", as_of="2026-12-01T08:30:00+09:00"),  # older than what is known: no effect
        ]
    )


def _report(
    number: int, status: str, *, email: str = "", institution_prefecture: str = "", **more: object
) -> dict[str, Any]:
    given = {"recipient.email": email, "institution.prefecture": institution_prefecture}
    job = _nested(application(number, {key: value for key, value in given.items() if value}))
    told = {"fiscal_year": 2026, "institution": job["institution"], "recipient": job["recipient"], "status": status}
    return told | more


def _nested(flat: Mapping[str, str]) -> dict[str, Any]:
    job: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, key = path.split(".")
        place = job
        for parent in parents:
            place = place.setdefault(parent, {})
        place[key] = int(value) if path in _NUMBERS else value
    return job


def _lines(items: Iterable[Mapping[str, Any]], *raw: str) -> bytes:
    lines = (*(json.dumps(item, ensure_ascii=False) for item in items), *raw)
    return "".join(f"{line}\n" for line in lines).encode()


FILES = {
    "applications.csv": applications_csv,
    "applications.ndjson": applications_ndjson,
    "reports.ndjson": reports_ndjson,
    "reports-january.ndjson": reports_january_ndjson,
}


def write(folder: Path) -> None:
    """Write all files into a folder that is there."""
    for name, content in FILES.items():
        (folder / name).write_bytes(content())


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
