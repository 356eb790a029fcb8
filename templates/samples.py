"""Sample mails: what `todoke templates preview` shows, and the cases that the lint reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import product
from pathlib import Path
from typing import Any

from core.era import moment_text
from core.kinds import InstitutionType, Kind, Scheme
from core.mail import Contact, Institution, MailContext, Recipient, ReminderContext
from templates.problems import CatalogUnusable, Problem
from templates.sources import SAMPLE, SHARED, read


def read_sample(roots: Sequence[Path], kind: Kind) -> MailContext:
    """The kind's sample over the shared one. Raises `CatalogUnusable` for one that cannot be used."""
    try:
        fields = json.loads(read(roots, SHARED, SAMPLE)) | json.loads(read(roots, kind, SAMPLE))
        return _context(kind, fields)
    except (KeyError, TypeError, ValueError) as error:
        fault = Problem(kind, SAMPLE, f"cannot be used: {type(error).__name__}: {error}")
        raise CatalogUnusable([fault]) from error


def _context(kind: Kind, fields: Mapping[str, Any]) -> MailContext:
    institution, contact, reminder = (fields.get(key) for key in ("institution", "prefecture_contact", "reminder"))
    expires_at = fields.get("expires_at")
    return MailContext(
        kind=kind,
        recipient=Recipient(**fields["recipient"]),
        institution=institution and Institution(**institution | {"type": InstitutionType(institution["type"])}),
        secretariat=Contact(**fields["secretariat"]),
        prefecture_contact=contact and Contact(**contact),
        data=fields.get("data", {}),
        reminder=reminder and _reminder(reminder),
        expires_text=expires_at and moment_text(datetime.fromisoformat(expires_at)),
    )


def _reminder(fields: Mapping[str, Any]) -> ReminderContext:
    return ReminderContext(
        scheme=Scheme(fields["scheme"]),
        fiscal_year=fields["fiscal_year"],
        deadline=date.fromisoformat(fields["deadline"]),
        in_progress=fields["in_progress"],
        last_year_data=fields["last_year_data"],
    )


def variants(sample: MailContext) -> Iterator[MailContext]:
    """The sample and what differs from it in every way that a template asks about."""
    yield sample
    yield replace(sample, recipient=replace(sample.recipient, department=None))
    yield replace(sample, recipient=Recipient(sample.recipient.email))
    if sample.institution is not None:
        yield replace(sample, institution=replace(sample.institution, name="髙﨑" * 100))
        yield replace(sample, institution=replace(sample.institution, type=InstitutionType.PHARMACY))
    if sample.kind is Kind.GUIDE:
        yield replace(sample, expires_text=None)
        yield replace(sample, data={name: _lengthened(name, value) for name, value in sample.data.items()})
    if sample.reminder is not None:
        yield from _reminders(sample, sample.reminder)


def _lengthened(name: str, value: str) -> str:
    return f"{value}{'x' * 1500}" if name == "setup_url" else value


def _reminders(sample: MailContext, reminder: ReminderContext) -> Iterator[MailContext]:
    for scheme, in_progress, last_year_data in product(Scheme, (False, True), (False, True)):
        changed = replace(reminder, scheme=scheme, in_progress=in_progress, last_year_data=last_year_data)
        yield replace(sample, reminder=changed)
