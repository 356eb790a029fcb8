"""What the sample files hold: so many applications of each sort, the other mails, and the lines to be refused.

A value may hold `{n}`, the application's number, and an empty one takes the column away. Local parts such as
`guide.bounce-5.2.2+…` tell the captured-mail sink what to do (contract section 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Changes = Mapping[str, str]

LONE, LONE_WRONG, WRONG, MAILBOX_FULL, CHAIN = 700, 701, 702, 703, 704
"""Numbers of applications that later lines come back to."""

PUBLISHED_LATER, WITHDRAWN = 900, 910
"""Where the numbers of applications without an account-issue of their own begin; the one that is withdrawn."""


class Case(NamedTuple):
    """`times` applications of one sort, numbered from `first` or from wherever the file is."""

    times: int
    changes: Changes
    first: int | None = None


class Bad(NamedTuple):
    """A line made from the application `number`, which is refused with the code `expected`."""

    expected: str
    number: int
    changes: Changes


_ALIASES = {
    "email": "recipient.email",
    "department": "recipient.department",
    "family": "recipient.family_name",
    "given": "recipient.given_name",
    "route": "application.route",
    "account": "application.account",
    "application": "application.id",
    "name": "institution.name",
    "code": "institution.code",
    "type": "institution.type",
    "prefecture": "institution.prefecture",
    "login_id": "data.login_id",
    "link": "data.setup_url",
    "expires_at": "data.expires_at",
}


def changes(**given: str) -> Changes:
    """Dotted keys from short names."""
    return {_ALIASES.get(name, name): value for name, value in given.items()}


def case(times: int = 1, first: int | None = None, **given: str) -> Case:
    """Applications that differ from an ordinary one in what is given."""
    return Case(times, changes(**given), first)


def bad(expected: str, number: int, **given: str) -> Bad:
    """A line that is refused."""
    return Bad(expected, number, changes(**given))


def _mail(kind: str, **given: str) -> Changes:
    """What makes another mail of an application's line: only an account-issue and its parts need all of it."""
    return {**changes(kind=kind, account="", login_id="", link=""), **changes(**given)}


_NO_MAIL_ADDRESS = "okuranai{n}@example.jp"
_EVERY_ROW = (
    ("prefecture", "none", "jimu{n}@example.jp"),
    ("self", "unpermitted", "jimu{n}@example.com"),
    ("self", "permitted", _NO_MAIL_ADDRESS),
    ("prefecture", "unpermitted", _NO_MAIL_ADDRESS),
    ("prefecture", "permitted", _NO_MAIL_ADDRESS),
)


def _rule_rows(*times: int) -> tuple[Case, ...]:
    """The rows of the rule table but the most frequent one."""
    return tuple(
        case(count, route=route, account=account, email=email)
        for count, (route, account, email) in zip(times, _EVERY_ROW, strict=True)
    )


CSV_CASES = (
    case(52),
    *_rule_rows(24, 14, 6, 6, 5),
    case(8, email="pre-check.bounce-5.1.1+machigai{n}@example.jp"),
    case(2, email="pre-check.bounce-5.1.2+domain{n}@example.com"),
    case(3, email="reject-550-5.1.1+taishoku{n}@example.jp"),
    case(2, email="pre-check.reject-data-550+henkou{n}@docomo.ne.jp", type="pharmacy"),
    case(2, email="pre-check.full+manpai{n}@example.jp"),
    case(4, email="guide.bounce-5.2.2+manpai{n}@example.jp"),
    case(3, email="guide.bounce-5.1.1+idou{n}@example.jp", route="prefecture"),
    case(2, email="guide.full+manpai{n}@example.jp"),
    case(3, email="defer-2+konzatsu{n}@example.com"),
    case(2, email="guide.drop+setsudan{n}@example.jp"),
    case(1, email="pre-check.drop+setsudan{n}@example.jp"),
    case(3, email="vacation+fuzai{n}@example.jp"),
    case(2, email="delay+okure{n}@example.com"),
    case(
        5,
        type="pharmacy",
        prefecture="27",
        email="owner@kusuri-group.example.jp",
        department="",
        family="髙﨑",
        given="一郎",
    ),
    case(6, type="pharmacy", email="hana..{n}@docomo.ne.jp", department=""),
    case(4, type="dental", email="kaede{n}.@ezweb.ne.jp", department="", given=""),
    case(4, type="maternity", email=".momiji{n}@au.com", department=""),
    case(
        4,
        email="ｊｉｍｕ{n}＠ｅｘａｍｐｌｅ．ｊｐ",
        code="３５９９５０{n}",
        prefecture="35",
        type="clinic",
        name="架空市ＡＢＣ第{n}クリニック",
    ),
    case(4, department="", family="", given="", email="info{n}@example.com"),
    case(2, name="医療法人社団髙﨑会 髙野﨑第{n}内科・循環器内科", type="clinic", family="髙野﨑", given="喜一"),
    case(1, name="独立行政法人架空地域医療機能推進機構" + "見本広域連合附属" * 18 + "中央病院", type="hospital"),
    case(1, LONE, kind="pre-check", login_id="", link="", email="tanpatsu{n}@example.jp"),
    case(1, LONE_WRONG, kind="pre-check", login_id="", link="", email="pre-check.bounce-5.1.1+tanpatsu{n}@example.jp"),
    case(1, WRONG, email="pre-check.bounce-5.1.1+saishinsei{n}@example.jp"),
    case(1, MAILBOX_FULL, email="guide.bounce-5.2.2+saishinsei{n}@example.jp"),
    case(
        3,
        CHAIN,
        type="pharmacy",
        prefecture="40",
        email="guide.bounce-5.2.2+owner@yakkyoku-chain.example.jp",
        department="",
    ),
)
"""Approved by 25 December."""

CSV_BAD = (
    bad("format", 950, email="jimu.example.jp"),
    bad("local-part", 951, email="事務@example.jp"),
    bad("format", 952, email="hana..sono@example.jp"),
    bad("host", 953, link="https://g-mis.example.com/s/not-ours"),
    bad("future", 954, **{"application.received_on": "2099-04-01"}),
    bad("no-contact", 955, prefecture="47", code="4799000955"),
    bad("not-by-rule", 956, kind="existing-user-confirm", link=""),
    bad("not-for-this-route", 957, **dict(_mail("application-complete", route="prefecture"))),
)

NDJSON_CASES = (
    case(62),
    *_rule_rows(22, 12, 5, 4, 4),
    case(6, email="pre-check.bounce-5.1.1+machigai{n}@example.jp"),
    case(2, email="pre-check.bounce-5.1.10+nullmx{n}@example.com"),
    case(2, email="reject-550-5.1.1+taishoku{n}@example.jp"),
    case(4, email="guide.bounce-5.1.1+idou{n}@example.jp"),
    case(2, email="guide.bounce-5.2.2+manpai{n}@example.jp", route="prefecture"),
    case(1, email="guide.drop+setsudan{n}@example.jp"),
    case(2, email="guide.defer-3+konzatsu{n}@example.com"),
    case(2, email="guide.vacation+fuzai{n}@example.jp"),
    case(2, email="jimu{n}@見本.example.jp"),
    case(3, family="𠮷田", given="髙子", name="医療法人𠮷﨑会 第{n}髙﨑診療所㈱", type="clinic"),
    case(1, expires_at="2026-12-31T00:00:00+09:00", email="kigen{n}@example.jp"),
    case(1, link="https://www.g-mis.mhlw.go.jp/s/" + "nagai-" * 9 + "link{n}"),
    case(1, WITHDRAWN, email="torisage{n}@example.jp"),
)
"""Approved by 28 December."""

OTHER_MAILS: tuple[tuple[int, Changes], ...] = (
    (LONE, changes(kind="guide", email="tanpatsu{n}@example.jp")),
    (WRONG, changes(application="demo-again-{n}", email="atarashii{n}@example.jp")),
    (MAILBOX_FULL, changes(application="demo-again-{n}", email="atarashii{n}@example.jp")),
    (CHAIN, _mail("application-complete", application="demo-again-{n}", email="kusuri{n}@example.jp")),
    (LONE_WRONG, _mail("application-complete", email="pre-check.bounce-5.1.1+tanpatsu{n}@example.jp")),
    *((number, _mail("application-complete")) for number in range(900, 905)),
    (905, _mail("rejection", **{"data.reason": "機関コードが、都道府県の台帳と一致しません。"})),
    (906, _mail("rejection", **{"data.reason": "申請された機関には、既にアカウントが発行されています。"})),
    (907, changes(kind="existing-user-confirm", account="unpermitted", link="")),
    (
        908,
        _mail(
            "password-reset",
            **{
                "data.reset_url": "https://www.g-mis.mhlw.go.jp/r/demo-{n}",
                "data.expires_at": "2026-12-31T23:59:59+09:00",
            },
        ),
    ),
    (909, _mail("address-changed", login_id="h1399000909")),
    (911, _mail("reminder", prefecture="13", **{"data.fiscal_year": "2026", "data.deadline": "2027-03-31"})),
)
"""The kinds besides account-issue, made from these applications."""

CODES: tuple[Changes, ...] = (
    {"recipient.email": "shinki1@example.jp"},
    {"recipient.email": "shinki2@example.com"},
    {"recipient.email": "defer-9+shinki3@example.jp"},
    {"recipient.email": "ganjitsu@example.jp", "not_before": "2027-01-01T00:05:00+09:00"},
)
"""認証コード: for people who have no institution yet. One expires, one goes on New Year's Day."""

NDJSON_BAD = (
    bad("unknown-field", 960, **{"recipient.fax": "03-0000-0001"}),
    bad("past", 961, expires_at="2026-12-01T00:00:00+09:00"),
    bad("already-issued", 1, job_id="demo-refused-already-issued"),
    bad("another-institution", 962, application="demo-app-0001"),
    bad("no-pre-check", 963, kind="guide"),
    bad("pre-check-undelivered", LONE_WRONG, kind="guide", email="pre-check.bounce-5.1.1+tanpatsu{n}@example.jp"),
    bad("paper-channel", 990, **dict(_mail("reminder", **{"data.fiscal_year": "2026", "data.deadline": "2027-03-31"}))),
)

BEFORE_THE_GUIDE = bad("recipient-differs", LONE, kind="guide", email="betsujin{n}@example.jp")
"""Refused for its recipient only while the guide of its application is not on record."""
