"""From a mail's context to the names that its templates use.

What the context does not have is left out, so that a template that speaks of it raises instead of leaving a hole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from core import era
from core.kinds import Kind, Scheme
from core.mail import Contact, Institution, MailContext, MailDataMissing, ReminderContext
from templates.salutation import filled, one_line, recipient_lines

NAMES = frozenset(
    {
        "to",
        "institution",
        "scheme",
        "data",
        "secretariat",
        "prefecture_contact",
        "reminder",
        "expires_text",
        "waiting",
        "subject",
    },
)
"""Every name that a template may use, besides the facts of `_shared/facts.json`."""

SEVERAL_LINES = frozenset({"reason"})
"""The data that may have line breaks (contract section 3)."""


class ReminderView(NamedTuple):
    """What a reminder says, in Japanese."""

    scheme: str
    fiscal_year: str
    deadline: str
    in_progress: bool
    last_year_data: bool


_OWN = ("to", "institution", "prefecture_contact", "data", "expires_text")


class View(NamedTuple):
    """The names of one mail: `alike` are those whose values it shares with many others."""

    to: tuple[str, ...]
    institution: Institution | None
    prefecture_contact: Contact | None
    data: dict[str, str]
    expires_text: str | None
    alike: tuple[tuple[str, object], ...]

    def names(self) -> dict[str, Any]:
        """All of them, but for those that the context did not have."""
        own = {name: getattr(self, name) for name in _OWN}
        return dict(self.alike) | {name: value for name, value in own.items() if value is not None}


def build_view(context: MailContext) -> View:
    """The templates' names for this mail. Raises `MailDataMissing` for what no mail of this kind goes without."""
    institution = _institution(context)
    alike = (
        ("scheme", institution and Scheme.default_for(institution.type).label),
        ("secretariat", _contact(context, "secretariat", context.secretariat)),
        ("reminder", _reminder(context.reminder)),
        ("waiting", context.waiting),
    )
    return View(
        recipient_lines(context.recipient, institution),
        institution,
        _prefecture_contact(context),
        _data(context.data),
        context.expires_text,
        tuple([(name, value) for name, value in alike if value is not None]),
    )


def _institution(context: MailContext) -> Institution | None:
    if context.kind is Kind.CODE:
        return None
    if context.institution is None:
        raise MailDataMissing(context.kind, "institution")
    given = context.institution
    institution = Institution(one_line(given.code), one_line(given.name), given.type, given.prefecture)
    _require(context.kind, "institution.name", institution.name)
    _require(context.kind, "institution.code", institution.code)
    return institution


def _prefecture_contact(context: MailContext) -> Contact | None:
    """The desk of the institution's own prefecture; none is never made up for (rule 132)."""
    if context.kind is Kind.CODE:
        return None
    if context.prefecture_contact is None:
        raise MailDataMissing(context.kind, "prefecture_contact")
    return _contact(context, "prefecture_contact", context.prefecture_contact)


def _contact(context: MailContext, name: str, contact: Contact) -> Contact:
    _require(context.kind, f"{name}.name", contact.name)
    _require(context.kind, f"{name}.phone", contact.phone)
    _require(context.kind, f"{name}.email", contact.email)
    return contact


def _require(kind: Kind, field: str, value: str) -> None:
    if not filled(value):
        raise MailDataMissing(kind, field)


def _data(data: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value.strip("\r\n") if name in SEVERAL_LINES else one_line(value)
        for name, value in data.items()
        if filled(value)
    }


def _reminder(reminder: ReminderContext | None) -> ReminderView | None:
    if reminder is None:
        return None
    return ReminderView(
        scheme=reminder.scheme.label,
        fiscal_year=era.fiscal_year_text(reminder.fiscal_year),
        deadline=era.date_text(reminder.deadline),
        in_progress=reminder.in_progress,
        last_year_data=reminder.last_year_data,
    )
