"""Applications for accounts in the course of a season, as the jobs that the registration system hands in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from core.jst import TOKYO, rfc3339
from core.kinds import Account
from scheduler.calendar import BusinessCalendar
from todoke.rehearsal.assumptions import Applications
from todoke.rehearsal.cast import Player
from todoke.rehearsal.draws import Draws

MARK = "Wrehearsal"
"""Stands in every link and code: what is found of it in a final message was not erased."""

_LINK = f"https://www.g-mis.mhlw.go.jp/s/{MARK}"
_SOON = timedelta(minutes=10)
_CODE_LIVES = timedelta(hours=6)
_RESET_LIVES = timedelta(hours=24)

Job = tuple[datetime, dict[str, Any]]


class Applying:
    """Draws up who applies when, and what follows."""

    def __init__(
        self, first: datetime, end: datetime, rules: Applications, draws: Draws, calendar: BusinessCalendar
    ) -> None:
        self._first = first
        self._seconds = (end - first).total_seconds()
        self._rules = rules
        self._draws = draws
        self._calendar = calendar

    def jobs_of(self, player: Player) -> Iterator[Job]:
        """The jobs that an institution's season leads to, with the earliest moment at which each is handed in."""
        if player.email is None or player.paper:
            return
        if self._draws.happens(self._rules.share, "applies", player.code):
            yield from self._application(player)
        if self._draws.happens(self._rules.lost_password, "lost-password", player.code):
            at = self._first + timedelta(seconds=self._seconds * self._draws.unit("lost-at", player.code))
            link = {"reset_url": f"{_LINK}r{player.number}", "expires_at": rfc3339(at + _RESET_LIVES)}
            yield at, self._job(player, "password-reset", "reset", link)

    def _application(self, player: Player) -> Iterator[Job]:
        """Most apply in the first half of the time."""
        draws, rules = self._draws, self._rules
        at = self._first + timedelta(seconds=self._seconds * 0.8 * draws.unit("applied-at", player.code) ** 1.5)
        account = draws.pick(rules.account, "account", player.code)
        application: dict[str, Any] = {
            "id": f"A-{player.code}",
            "route": "self" if draws.happens(rules.by_self, "route", player.code) else "prefecture",
            "account": account.value,
            "received_on": at.date().isoformat(),
        }
        by_self = application["route"] == "self"
        if by_self:
            yield at, self._code(player, at)
            yield at + _SOON, self._job(player, "application-complete", "complete", {}, application)
        approved = self._business_days(at.date(), "approval", player, rules.approval_days)
        if by_self and draws.happens(rules.rejected, "rejected", player.code):
            reason = {"reason": "機関コードに誤りがあります。（模擬）"}
            yield self._moment(approved, player), self._job(player, "rejection", "rejection", reason, application)
            return
        issued = self._moment(self._business_days(approved, "issue", player, rules.issue_days), player)
        data: dict[str, Any] = {"login_id": f"h{player.code}"}
        if account is Account.NONE:
            expires_at = rfc3339(issued + timedelta(days=rules.link_days))
            data |= {"setup_url": f"{_LINK}g{player.number}", "expires_at": expires_at}
        told = application | {"approved_on": approved.isoformat()}
        yield issued, self._job(player, "account-issue", "issue", data, told)

    def _code(self, player: Player, at: datetime) -> dict[str, Any]:
        data = {"code": f"{MARK}{player.number}", "expires_at": rfc3339(at + _CODE_LIVES)}
        return {
            "job_id": f"S-{player.code}-code",
            "kind": "code",
            "recipient": {"email": player.email},
            "data": data,
        }

    def _job(
        self,
        player: Player,
        kind: str,
        name: str,
        data: dict[str, Any],
        application: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        job: dict[str, Any] = {
            "job_id": f"S-{player.code}-{name}",
            "kind": kind,
            "institution": player.institution(),
            "recipient": {"email": player.email, "family_name": "模擬", "given_name": "太郎"},
            "data": data,
        }
        return job if application is None else job | {"application": application}

    def _business_days(self, start: date, name: str, player: Player, span: tuple[float, float]) -> date:
        return self._calendar.nth_after(start, round(self._draws.between(span, name, player.code)))

    def _moment(self, day: date, player: Player) -> datetime:
        """Some time of a working day."""
        return datetime.combine(day, time(9), TOKYO) + timedelta(hours=self._draws.unit("office", player.code) * 8)
