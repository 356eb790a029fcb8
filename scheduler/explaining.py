"""Why a mail is due when it is due, step by step, in Japanese: of one that would be published, and of one on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Protocol

from core.era import moment_text
from core.jst import to_tokyo, tokyo_date
from core.kinds import Kind, Scheme
from scheduler.calendar import OutsideCalendar, short_date
from scheduler.reminders import ReminderRules, ReminderStep
from scheduler.spreading import PART_MINUTES, Rates
from scheduler.windows import Plan, Timing

_FIRST_STEP = "start"


class Names(Protocol):
    """What prefectures are called."""

    def name(self, code: str) -> str:
        """山口県 for "35"."""


class Explainer:
    """Explains mails of every kind; for reminders with the season and the spreading that they follow."""

    def __init__(self, timing: Timing, rules: ReminderRules, rates: Rates, names: Names) -> None:
        self._timing = timing
        self._rules = rules
        self._rates = rates
        self._names = names

    def explain(
        self, kind: Kind, at: datetime, prefecture: str | None = None, business_days: int | None = None
    ) -> Plan:
        """The dry run of one mail, as `Timing.explain`. Raises OutsideCalendar."""
        plan = self._timing.explain(kind, at, prefecture, business_days)
        if kind is not Kind.REMINDER:
            return plan
        season = self._season(tokyo_date(at), prefecture)
        if not self._is_in_a_period(tokyo_date(plan.due_at), prefecture):
            outside = f"{moment_text(plan.due_at)}は報告期間の外のため、送信せずに取り消します（outside-period）。"
            return replace(plan, because=(*season, *plan.because[:-1], outside))
        return replace(plan, because=(*season, *plan.because[:-1], *self._spreading(prefecture), plan.because[-1]))

    def _is_in_a_period(self, day: date, prefecture: str | None) -> bool:
        place = prefecture or ""
        years = {scheme: self._rules.season_on(day, scheme, place) for scheme in Scheme}
        periods = (self._rules.period(scheme, place, year) for scheme, year in years.items())
        return any(period.start <= day <= period.end for period in periods)

    def _season(self, day: date, prefecture: str | None) -> Iterator[str]:
        """Period and steps of the season that counts on a day; for all schemes that differ."""
        told: dict[tuple[str, ...], list[Scheme]] = {}
        for scheme in Scheme:
            try:
                lines = tuple(self._of_scheme(scheme, day, prefecture))
            except OutsideCalendar:
                continue
            told.setdefault(lines, []).append(scheme)
        for lines, schemes in told.items():
            whose = "" if len(told) == 1 else f"（{'・'.join(scheme.label for scheme in schemes)}）"
            for line in lines:
                yield f"{line}{whose}"

    def _of_scheme(self, scheme: Scheme, day: date, prefecture: str | None) -> Iterator[str]:
        place = prefecture or ""
        year = self._rules.season_on(day, scheme, place)
        period = self._rules.period(scheme, place, year)
        named = "全国の原則の" if prefecture is None else f"{self._names.name(prefecture)}の"
        yield f"{named}報告期間は、{short_date(period.start)}から{short_date(period.end)}までです。"
        steps = self._rules.steps(scheme, place, year)
        if steps:
            days = "、".join(f"{_step_name(step.key)}の{short_date(step.day)}" for step in steps)
            yield f"催促の日は、{days}です。"
        else:
            yield "この報告には、催促のメールを送信しない設定です。"

    def _spreading(self, prefecture: str | None) -> Iterator[str]:
        rate = self._rates.of_prefecture(prefecture or "")
        yield (
            f"窓口への電話が集中しないよう、一つの都道府県には1時間に{rate:,}通まで、{PART_MINUTES}分ごとに分けて送信します"
            "（宛先のドメインごとの上限がある場合は、それにもよります）。"
        )
        yield "その日に入りきらない催促は、次の回の前までの営業日に続けて送信します。"

    def reminder(self, planned: Mapping[str, Any], due_at: datetime, prefecture: str) -> list[str]:
        """Why a reminder on record is due: `planned` is the detail of the event that planned it."""
        step = self._step(planned, prefecture)
        lines = [] if step is None else list(self._of_step(step, planned, prefecture))
        day = tokyo_date(due_at)
        if step is not None and step.day != day:
            lines.append(f"{short_date(step.day)}の送信時間に入りきらないため、{short_date(day)}に続けて送信します。")
        if planned.get("spread"):
            rate = self._rates.of_prefecture(prefecture)
            lines.append(
                f"窓口への電話が集中しないよう、1時間に{rate:,}通まで（宛先のドメインに上限がある場合は、"
                f"それにもよる）に分けて送信するため、{to_tokyo(due_at):%H時%M分}になります。"
            )
        return [*lines, f"{moment_text(due_at)}に送信します。そのときに報告済であれば、送信しません。"]

    def _step(self, planned: Mapping[str, Any], prefecture: str) -> ReminderStep | None:
        """The step as it stands now; None where it is no longer one, or was published by itself."""
        if "scheme" not in planned:
            return None
        steps: Sequence[ReminderStep] = self._rules.steps(
            Scheme(planned["scheme"]), prefecture, int(planned["fiscal_year"])
        )
        return next((step for step in steps if step.key == planned["step"]), None)

    def _of_step(self, step: ReminderStep, planned: Mapping[str, Any], prefecture: str) -> Iterator[str]:
        scheme = Scheme(planned["scheme"])
        period = self._rules.period(scheme, prefecture, int(planned["fiscal_year"]))
        yield (
            f"{scheme.label}の{self._names.name(prefecture)}の報告期間は、"
            f"{short_date(period.start)}から{short_date(period.end)}までです。"
        )
        yield f"{_step_name(step.key)}の{short_date(step.day)}が催促の日です。"


def _step_name(key: str) -> str:
    """最終営業日の10営業日前 for "L-10"."""
    base, _, count = key.replace("+", "-").partition("-")
    name = "期間の最初の営業日" if base == _FIRST_STEP else "期間の最終営業日"
    if not count:
        return name
    return f"{name}から{count}営業日後" if base == _FIRST_STEP else f"{name}の{count}営業日前"
