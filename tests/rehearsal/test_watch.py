"""The witness at the relay: a breach of each promise is seen. What it does not see, no rehearsal would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from config.periods import load_periods
from config.reminders import load_reminder_policy
from core.jst import TOKYO
from core.kinds import InstitutionType, Kind, Scheme
from core.mail import Institution, Recipient
from core.messages import Message, Reminder
from core.reports import ReportType
from core.statuses import Status
from mailer.transport import Accepted, Lost, Refused
from scheduler.calendar import BusinessCalendar
from scheduler.reminders import ReminderRules
from scheduler.season import ReportingSeason
from todoke.rehearsal.cast import Player
from todoke.rehearsal.promises import Promise, Promises
from todoke.rehearsal.relay import Handled, Reported
from todoke.rehearsal.returning import Returned
from todoke.rehearsal.sending import Tried
from todoke.rehearsal.watching import Known, Watch

CODE = "3500000001"
OK = Handled(Accepted(250, "ok"), 0.1, kept=True)
IN_DOUBT = Handled(Lost("gone", "data", in_doubt=True), 0.1, kept=True)
REFUSED = Handled(Refused(550, "5.1.1 no", "rcpt"), 0.1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2027-{text}").replace(tzinfo=TOKYO)


def mail(kind: Kind, identifier: str = "m1", step: str = "start") -> Message:
    reminder = Reminder(Scheme.MEDICAL_FUNCTION, 2026, date(2027, 3, 31), step) if kind is Kind.REMINDER else None
    place = Institution(CODE, "模擬", InstitutionType.HOSPITAL, "35")
    return Message(
        identifier, kind, Status.SENDING, Recipient("a@example.jp"), place, {}, "<m>", 0, 0, None, None, reminder
    )


class Scene:
    """A watch over one institution."""

    def __init__(self) -> None:
        self.player = Player(1, CODE, InstitutionType.HOSPITAL, "35", "a@example.jp", "own", False, True)
        calendar = BusinessCalendar()
        rules = ReminderRules(ReportingSeason(load_periods(), load_reminder_policy(), calendar))
        self.promises = Promises()
        self.reminded: list[datetime] = []
        known = Known({CODE: self.player}, calendar, rules, {})
        self.watch = Watch(known, self.promises, lambda _player, moment: self.reminded.append(moment))

    def send(self, message: Message, moment: str, handled: Handled = OK) -> None:
        self.watch.tried(Tried(message, b"", handled, at(moment)))

    def broken(self) -> set[Promise]:
        return {promise for promise, count in self.promises.broken.items() if count}


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_proper_season_breaks_nothing(scene: Scene) -> None:
    scene.send(mail(Kind.PRE_CHECK, "p"), "01-08T15:00")
    scene.send(mail(Kind.GUIDE, "g"), "01-12T09:00")
    scene.send(mail(Kind.REMINDER, "r1"), "01-05T09:00")
    scene.send(mail(Kind.REMINDER, "r2", "L"), "03-31T16:59")
    assert scene.broken() == set()
    assert scene.reminded == [at("01-05T09:00"), at("03-31T16:59")]


def reported(scene: Scene) -> None:
    scene.player.said = "reported"
    scene.send(mail(Kind.REMINDER), "01-05T09:00")


def on_paper(scene: Scene) -> None:
    scene.player.paper = True
    scene.send(mail(Kind.REMINDER), "01-05T09:00")


def outside(scene: Scene) -> None:
    scene.send(mail(Kind.REMINDER), "01-04T09:00")


def to_failed(scene: Scene) -> None:
    scene.send(mail(Kind.REMINDER, "r1"), "01-05T09:00", REFUSED)
    scene.send(mail(Kind.REMINDER, "r2", "L"), "03-31T09:00")


def to_failed_by_report(scene: Scene) -> None:
    scene.send(mail(Kind.REMINDER, "r1"), "01-05T09:00")
    scene.watch.returned(Returned(mail(Kind.REMINDER, "r1"), Reported(ReportType.BOUNCE, "5.1.1", timedelta())))
    scene.send(mail(Kind.REMINDER, "r2", "L"), "03-31T09:00")


def step_twice(scene: Scene) -> None:
    scene.send(mail(Kind.REMINDER, "r1"), "01-05T09:00")
    scene.send(mail(Kind.REMINDER, "r2"), "01-05T10:00")


def mail_twice(scene: Scene) -> None:
    for moment in ("01-05T09:00", "01-05T09:01"):
        scene.send(mail(Kind.PRE_CHECK, "p"), moment)


def on_a_holiday(scene: Scene) -> None:
    scene.send(mail(Kind.PRE_CHECK), "01-11T10:00")


def at_night(scene: Scene) -> None:
    scene.send(mail(Kind.PRE_CHECK), "01-12T18:00")


def guide_on_the_same_day(scene: Scene) -> None:
    scene.send(mail(Kind.PRE_CHECK, "p"), "01-08T10:00")
    scene.send(mail(Kind.GUIDE, "g"), "01-08T15:00")


def guide_without_pre_check(scene: Scene) -> None:
    scene.send(mail(Kind.GUIDE, "g"), "01-12T09:00")


def guide_after_failure(scene: Scene) -> None:
    scene.send(mail(Kind.PRE_CHECK, "p"), "01-08T10:00")
    scene.watch.returned(Returned(mail(Kind.PRE_CHECK, "p"), Reported(ReportType.BOUNCE, "5.1.1", timedelta())))
    scene.send(mail(Kind.GUIDE, "g"), "01-12T09:00")


@pytest.mark.parametrize(
    ("play", "promise"),
    [
        (reported, Promise.NOT_REPORTED),
        (on_paper, Promise.NOT_ON_PAPER),
        (outside, Promise.IN_PERIOD),
        (to_failed, Promise.NOT_TO_FAILED),
        (to_failed_by_report, Promise.NOT_TO_FAILED),
        (step_twice, Promise.ONCE),
        (mail_twice, Promise.ONCE),
        (on_a_holiday, Promise.OPEN_HOURS),
        (at_night, Promise.OPEN_HOURS),
        (guide_on_the_same_day, Promise.GUIDE_NEXT_DAY),
        (guide_without_pre_check, Promise.GUIDE_NEEDS_PRE_CHECK),
        (guide_after_failure, Promise.GUIDE_NEEDS_PRE_CHECK),
    ],
)
def test_a_breach_is_seen(scene: Scene, play: Callable[[Scene], None], promise: Promise) -> None:
    play(scene)
    assert promise in scene.broken()


def test_a_mail_whose_reply_was_lost_may_arrive_twice(scene: Scene) -> None:
    scene.send(mail(Kind.REMINDER), "01-05T09:00", IN_DOUBT)
    scene.send(mail(Kind.REMINDER), "01-05T09:01")
    assert scene.broken() == set()
    assert scene.watch.kept["m1"] == 2


def test_a_new_application_is_a_new_probe_of_the_address(scene: Scene) -> None:
    scene.send(mail(Kind.REMINDER, "r1"), "01-05T09:00", REFUSED)
    scene.watch.applied(replace(scene.player))
    scene.send(mail(Kind.REMINDER, "r2", "L"), "03-31T09:00")
    assert scene.broken() == set()
