"""When mails of each kind may leave, and why then (contract sections 3 and 4). Pure; moments go out in Asia/Tokyo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Protocol

from config.timing import HoursOfKinds
from core.era import date_text, moment_text
from core.jst import TOKYO, rfc3339, to_tokyo
from core.kinds import Kind
from scheduler.calendar import FIRST_YEAR, LAST_YEAR, BusinessCalendar, OutsideCalendar, short_date
from scheduler.rules import RULE_BUSINESS_HOURS, RULE_GUIDE, RULE_IMMEDIATE

_MOST_CLOSED_DAYS_TOLD = 20


class Window(Protocol):
    """Times at which mails may leave."""

    @property
    def opens(self) -> time:
        """When it opens on a business day."""

    def next_start(self, at: datetime, prefecture: str | None = None) -> datetime:
        """`at` itself within the window, else the window's next start. Raises OutsideCalendar."""

    def next_end(self, at: datetime, prefecture: str | None = None) -> datetime:
        """`at` itself within the window, else the end of the window's next stretch. Raises OutsideCalendar."""

    def contains(self, at: datetime, prefecture: str | None = None) -> bool:
        """Whether a mail may leave at this moment. Raises OutsideCalendar."""


@dataclass(frozen=True, slots=True)
class Immediate:
    """Day and night, closed days too."""

    opens: time = time(0)

    def next_start(self, at: datetime, prefecture: str | None = None) -> datetime:
        """The moment itself."""
        return _known_moment(at)

    def next_end(self, at: datetime, prefecture: str | None = None) -> datetime:
        """The moment itself."""
        return _known_moment(at)

    def contains(self, at: datetime, prefecture: str | None = None) -> bool:
        """Always."""
        return bool(_known_moment(at))


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """From `opens` on, up to but not including `closes`, on business days."""

    calendar: BusinessCalendar
    opens: time = time(9)
    closes: time = time(17)

    def next_start(self, at: datetime, prefecture: str | None = None) -> datetime:
        """The moment itself within the hours; else the opening of that day or of the next business day."""
        at = _known_moment(at)
        if self.contains(at, prefecture):
            return at
        early = at.time() < self.opens
        day = at.date()
        return _moment(self.calendar.nth_after(day, 0 if early else 1, prefecture), self.opens)

    def next_end(self, at: datetime, prefecture: str | None = None) -> datetime:
        """The moment itself within the hours; else the close of that day or of the next business day."""
        at = _known_moment(at)
        return at if self.contains(at, prefecture) else _moment(self.next_start(at, prefecture).date(), self.closes)

    def contains(self, at: datetime, prefecture: str | None = None) -> bool:
        """Whether the moment lies within the hours of a business day."""
        at = _known_moment(at)
        return self.opens <= at.time() < self.closes and self.calendar.is_open(at.date(), prefecture)


@dataclass(frozen=True, slots=True)
class Plan:
    """When a mail would go, by which rule, and why, in Japanese sentences."""

    due_at: datetime
    rule: str
    because: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The answer of `GET /v1/plan` and `todoke plan`."""
        return {"due_at": rfc3339(self.due_at), "rule": self.rule, "because": list(self.because)}


class Timing:
    """The windows of all kinds, and what is counted in business days."""

    def __init__(
        self,
        calendar: BusinessCalendar,
        hours: HoursOfKinds,
        guide_business_days: int = 1,
        settle_business_days: int = 3,
    ) -> None:
        self._calendar = calendar
        self._windows: Mapping[Kind, Window] = {
            kind: Immediate() if own is None else BusinessHours(calendar, own.start, own.end)
            for kind, own in hours.items()
        }
        self._guide_business_days = guide_business_days
        self._settle_business_days = settle_business_days

    def first_due(self, kind: Kind, at: datetime, prefecture: str | None = None) -> datetime:
        """The first moment from `at` on at which a mail of this kind may leave. Raises OutsideCalendar."""
        return self._windows[kind].next_start(at, prefecture)

    def last_chance(self, kind: Kind, at: datetime, prefecture: str | None = None) -> datetime:
        """`at` itself where a mail of this kind may leave then, else the end of the next hours in which it may.

        Raises OutsideCalendar.
        """
        return self._windows[kind].next_end(at, prefecture)

    def may_leave(self, kind: Kind, at: datetime, prefecture: str | None = None) -> bool:
        """Whether a mail of this kind may leave at this moment."""
        return self._windows[kind].contains(at, prefecture)

    def hours(self, kind: Kind) -> tuple[int, int]:
        """From which minute of a business day on, and up to which, mails of this kind may leave."""
        window = self._windows[kind]
        if not isinstance(window, BusinessHours):
            return 0, 24 * 60
        return _minutes(window.opens), _minutes(window.closes)

    def is_open(self, kind: Kind, day: date, prefecture: str | None = None) -> bool:
        """Whether mails of this kind leave on this day at all."""
        return isinstance(self._windows[kind], Immediate) or self._calendar.is_open(day, prefecture)

    def rule(self, kind: Kind) -> str:
        """The code of the rule by which a mail of this kind gets its due time."""
        if kind is Kind.GUIDE:
            return RULE_GUIDE
        return RULE_IMMEDIATE if isinstance(self._windows[kind], Immediate) else RULE_BUSINESS_HOURS

    def guide_due(self, sent_at: datetime, prefecture: str | None = None, business_days: int | None = None) -> datetime:
        """The window's opening on the n-th business day after the day the pre-check became `sent` (rule 63)."""
        count = self._guide_business_days if business_days is None else business_days
        if count < 1:
            raise ValueError("a guide never follows on the day of its pre-check")
        sent_on = _known_moment(sent_at).date()
        return _moment(self._calendar.nth_after(sent_on, count, prefecture), self._windows[Kind.GUIDE].opens)

    def settles_at(self, sent_at: datetime, prefecture: str | None = None) -> datetime:
        """The same time of day, so many business days after the day of sending (contract section 1)."""
        sent_at = _known_moment(sent_at)
        day = self._calendar.nth_after(sent_at.date(), self._settle_business_days, prefecture)
        return datetime.combine(day, sent_at.timetz())

    def explain(
        self, kind: Kind, at: datetime, prefecture: str | None = None, business_days: int | None = None
    ) -> Plan:
        """The dry run of one mail. For a guide, `at` is when its pre-check became `sent`; no other kind counts days.

        Raises OutsideCalendar where `at` or the due time lies beyond the known years.
        """
        at = _known_moment(at)
        if kind is Kind.GUIDE:
            count = self._guide_business_days if business_days is None else business_days
            due_at = self.guide_due(at, prefecture, count)
            because = [*_guide_sentences(at, count), *self._on_the_way(at, due_at, prefecture), _counted(due_at, count)]
        else:
            due_at = self.first_due(kind, at, prefecture)
            because = [*self._window_sentences(kind, at, prefecture), *self._on_the_way(at, due_at, prefecture)]
        sentence = f"{moment_text(due_at)}に送信します。"
        return Plan(due_at, self.rule(kind), (*because, sentence))

    def _window_sentences(self, kind: Kind, at: datetime, prefecture: str | None) -> Iterator[str]:
        window = self._windows[kind]
        if not isinstance(window, BusinessHours):
            yield f"{kind.label}は、営業日かどうか、また時刻にかかわらず、直ちに送信します。"
            return
        yield f"{kind.label}は、営業日の{_clock(window.opens)}から{_clock(window.closes)}までの間に送信します。"
        if not self._calendar.is_open(at, prefecture):
            yield self._closed_sentence(at.date(), prefecture)
        elif at.time() < window.opens:
            yield f"{moment_text(at)}は、送信を始める時刻の前です。"
        elif at.time() >= window.closes:
            yield f"{moment_text(at)}は、送信を終える時刻を過ぎているため、翌営業日に送信します。"

    def _on_the_way(self, at: datetime, due_at: datetime, prefecture: str | None) -> list[str]:
        """Why the days in between do not count; their number alone where there are too many to read."""
        closed = self._calendar.closed_between(at, due_at, prefecture)
        if len(closed) > _MOST_CLOSED_DAYS_TOLD:
            return [f"この間の閉庁日は{len(closed)}日です。"]
        return [self._closed_sentence(day, prefecture) for day in closed]

    def _closed_sentence(self, day: date, prefecture: str | None) -> str:
        reasons = "・".join(self._calendar.why_closed(day, prefecture))
        doubt = "暦要項の公表前のため、変わることがあります。" if self._calendar.is_provisional(day) else ""
        return f"{short_date(day)}は{reasons}のため閉庁日です。{doubt}"


def _known_moment(at: datetime) -> datetime:
    """The moment in Asia/Tokyo. Raises OutsideCalendar, and ValueError for a moment without offset."""
    try:
        local = to_tokyo(at)
    except OverflowError as error:
        raise OutsideCalendar from error
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise OutsideCalendar
    return local


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, TOKYO)


def _guide_sentences(sent_at: datetime, count: int) -> Iterator[str]:
    yield f"{Kind.GUIDE.label}は、事前確認メールが送信完了となった日の{_days_later(count)}以降に送信します。"
    yield f"事前確認メールが{moment_text(sent_at)}に送信完了となった場合の予定です。"


def _counted(due_at: datetime, count: int) -> str:
    return f"{_days_later(count)}は{date_text(due_at.date())}です。"


def _days_later(count: int) -> str:
    return "翌営業日" if count == 1 else f"{count}営業日後"


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _clock(at: time) -> str:
    return f"{at.hour}時{at.minute:02}分"
