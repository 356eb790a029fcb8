"""What must hold whatever happened, checked against the captured mails and the database, not against what was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from config.samples import FOLDER
from core.jst import tokyo_date
from core.kinds import ACCOUNT_ISSUE, Kind
from core.statuses import Status
from scheduler.addresses import AddressRefused, normalise_address
from scheduler.files import read_lines
from todoke.demo.captured import Captured, links_in
from todoke.demo.records import Books, Record

_IMMEDIATE = frozenset({Kind.CODE, Kind.APPLICATION_COMPLETE, Kind.PASSWORD_RESET})
_OPENS, _CLOSES = 9, 17
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Check:
    """A rule, how much it was tried on, and what breaks it."""

    id: str
    rule: str
    tried: int
    broken_by: Sequence[str]

    @property
    def holds(self) -> bool:
        """It was tried on something, and nothing breaks it."""
        return self.tried > 0 and not self.broken_by

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "id": self.id,
            "rule": self.rule,
            "holds": self.holds,
            "tried": self.tried,
            "broken_by": list(self.broken_by[:_MOST_NAMED]),
        }


@dataclass(frozen=True)
class Evidence:
    """All that is known. `accepted` counts jobs, `database` is the octets of its files, `links` are those mailed."""

    books: Books
    mails: Sequence[Captured]
    links: frozenset[str]
    database: bytes
    accepted: int
    is_open: Callable[[date], bool]

    @cached_property
    def by_header(self) -> Mapping[str, Record]:
        """Records by Message-ID."""
        return {record.header: record for record in self.books.records}

    @cached_property
    def by_id(self) -> Mapping[str, Record]:
        """Records by id."""
        return {record.id: record for record in self.books.records}

    @cached_property
    def captured(self) -> Counter[str]:
        """How often each Message-ID was captured."""
        return Counter(mail.header for mail in self.mails)

    def of(self, *kinds: Kind) -> list[Captured]:
        """The captured mails of these kinds."""
        return [mail for mail in self.mails if mail.kind in kinds]

    def pre_check_of(self, guide: Captured) -> Record:
        """The record of the pre-check before a captured guide."""
        return self.by_id[self.by_header[guide.header].view["waits_for"]]


def all_checks(evidence: Evidence) -> list[Check]:
    """Every check, in the order in which they are told."""
    return [check(evidence) for check in _CHECKS]


def _guide_day(evidence: Evidence) -> Check:
    guides = evidence.of(Kind.GUIDE)
    last_probe = {mail.header: mail.at for mail in evidence.of(Kind.PRE_CHECK)}
    wrong = [mail for mail in guides if not _later_business_day(mail, evidence, last_probe)]
    rule = "利用案内メールは、事前確認メールの翌営業日以降の営業日にだけ送信した (guides leave on a later business day)"
    return Check("guide-on-a-later-business-day", rule, len(guides), _named(wrong))


def _later_business_day(guide: Captured, evidence: Evidence, last_probe: Mapping[str, datetime]) -> bool:
    pre_check = evidence.pre_check_of(guide)
    sent_at = datetime.fromisoformat(pre_check.view["sent_at"])
    probed = max(tokyo_date(sent_at), last_probe[pre_check.header].date())
    return guide.at.date() > probed and evidence.is_open(guide.at.date())


def _gate(evidence: Evidence) -> Check:
    failed = [record for record in evidence.books.records if _failed_pre_check(record)]
    wrong = [mail for mail in evidence.of(Kind.GUIDE) if _failed_pre_check(evidence.pre_check_of(mail))]
    rule = "事前確認メールが不達の申請に、利用案内メールは送信していない (no guide after a bounced pre-check)"
    return Check("no-guide-after-a-bounced-pre-check", rule, len(failed), _named(wrong))


def _failed_pre_check(record: Record) -> bool:
    return record.kind is Kind.PRE_CHECK and record.status is Status.UNDELIVERED


def _permitted(evidence: Evidence) -> Check:
    rule = "既に報告権限のある機関には、何も送信していない (no mail where the account was permitted)"
    return _silence(evidence, "no-mail-for-permitted", rule, (("self", "permitted"),))


def _by_prefecture(evidence: Evidence) -> Check:
    rule = "代理申請でアカウントのある機関には、何も送信していない (no mail by the prefecture's route with an account)"
    rows = (("prefecture", "unpermitted"), ("prefecture", "permitted"))
    return _silence(evidence, "no-mail-by-prefecture-route-with-account", rule, rows)


def _silence(evidence: Evidence, name: str, rule: str, rows: Collection[tuple[str, str | None]]) -> Check:
    """The addresses come from the sample files: the database keeps none where no mail follows."""
    addresses = {address for row in rows for address in _addresses(row)}
    decided = [each for each in evidence.books.decisions if (each.route, each.account) in rows]
    wrong = [mail for mail in evidence.mails if mail.to.lower() in addresses]
    missing = [] if len(decided) == len(addresses) else [f"{len(addresses)} applications, {len(decided)} decisions"]
    return Check(name, rule, len(addresses), [*_named(wrong), *missing])


def _addresses(row: tuple[str, str | None]) -> Iterator[str]:
    for file in ("applications.csv", "applications.ndjson"):
        for raw in _raws(file):
            job = raw if isinstance(raw, dict) else {}
            application = job.get("application", {})
            issued = job.get("kind") == ACCOUNT_ISSUE
            if issued and (application.get("route"), application.get("account")) == row:
                yield _normalised(job["recipient"]["email"])


def _raws(file: str) -> Iterator[object]:
    with (FOLDER / file).open("rb") as stream:
        for line in read_lines(stream, file):
            yield line.raw


def _normalised(address: str) -> str:
    try:
        return normalise_address(address, ()).lower()
    except AddressRefused:
        return address.lower()


def _one_guide(evidence: Evidence) -> Check:
    guides = evidence.of(Kind.GUIDE)
    doubles = [mail for mail in guides if evidence.captured[mail.header] > 1]
    applications = Counter(evidence.by_header[mail.header].view["application_id"] for mail in guides)
    again = [application for application, count in applications.items() if count > 1]
    rule = "利用案内メールは、1つの申請に1通だけ送信した (one guide an application, never twice)"
    return Check("one-guide-an-application", rule, len(guides), [*_named(doubles), *again])


def _hours(evidence: Evidence) -> Check:
    bound = [mail for mail in evidence.mails if mail.kind not in _IMMEDIATE]
    wrong = [mail for mail in bound if not (_OPENS <= mail.at.hour < _CLOSES and evidence.is_open(mail.at.date()))]
    rule = "即時のメール以外は、営業日の9時から17時までに送信した (all but the immediate kinds in business hours)"
    return Check("business-hours", rule, len(bound), _named(wrong))


def _reminders(evidence: Evidence) -> Check:
    codes = [evidence.by_header[mail.header].view["institution_code"] for mail in evidence.of(Kind.REMINDER)]
    wrong = [code for code in codes if code in evidence.books.reported]
    rule = "報告済の機関と紙で報告する機関に、催促のメールは送信していない (no reminder after the report or on paper)"
    return Check("no-reminder-after-the-report", rule, len(codes) and len(evidence.books.reported), wrong)


def _sent_is_captured(evidence: Evidence) -> Check:
    sent = [record for record in evidence.books.records if record.status is Status.SENT]
    wrong = [record.id for record in sent if not evidence.captured[record.header]]
    strange = [mail for mail in evidence.mails if mail.header not in evidence.by_header]
    rule = "「送信完了」のメールは、すべて受信側に届いている (every sent mail was captured, and no other)"
    return Check("sent-is-captured", rule, len(sent), [*wrong, *_named(strange)])


def _secrets(evidence: Evidence) -> Check:
    done = [record for record in evidence.books.records if record.status.final or _given_up(record)]
    held = [record.id for record in done if record.secret_held]
    clear = evidence.links & links_in(evidence.database.decode("ascii", "replace"))
    rule = "送信後、パスワード設定のURLと認証コードは消去されている (links and codes are erased once a mail is final)"
    return Check("secrets-erased", rule, len(done) and len(evidence.links), [*held, *clear])


def _given_up(record: Record) -> bool:
    """A guide in doubt is never sent again by itself."""
    return record.kind is Kind.GUIDE and record.status is Status.IN_DOUBT


def _refused(evidence: Evidence) -> Check:
    jobs = evidence.books.jobs
    wrong = [] if jobs == evidence.accepted else [f"{jobs} jobs on record, {evidence.accepted} accepted"]
    rule = "受け付けた申請だけが記録され、受付不可の行は何も残していない (a refused line leaves nothing)"
    return Check("refused-leaves-nothing", rule, jobs, wrong)


def _reports(evidence: Evidence) -> Check:
    told = [record for record in evidence.books.records if record.view["delivery"]["reports"]]
    wrong = [f"{evidence.books.unmatched} unmatched"] if evidence.books.unmatched else []
    rule = "戻ってきた通知は、すべて元のメールに結び付いた (every report was tied to its mail)"
    return Check("reports-are-tied", rule, len(told), wrong)


def _named(mails: Iterable[Captured]) -> list[str]:
    return [f"{mail.kind} to {mail.to} at {mail.at.isoformat()}" for mail in mails]


_CHECKS: tuple[Callable[[Evidence], Check], ...] = (
    _guide_day,
    _gate,
    _permitted,
    _by_prefecture,
    _one_guide,
    _hours,
    _reminders,
    _sent_is_captured,
    _secrets,
    _refused,
    _reports,
)
