"""From a raw reporting status to a `Report`, or to the list of what is wrong with it (contract section 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import FieldError
from core.kinds import Scheme
from core.mail import Institution, Recipient
from scheduler.fields import Reader
from scheduler.job_parsing import FIRST_FISCAL_YEAR, LAST_FISCAL_YEAR, parse_institution, parse_recipient

STATUSES = ("not-started", "in-progress", "reported")
CHANNELS = ("online", "paper")

_CLOCKS_DIFFER_BY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Report:
    """One institution's word. `recipient_given` False: the recipient on record stays."""

    fiscal_year: int
    scheme: Scheme
    institution: Institution
    recipient: Recipient | None
    recipient_given: bool
    status: str
    as_of: datetime
    channel: str
    last_year_data: bool

    @property
    def key(self) -> tuple[int, str, str]:
        """What it is about: fiscal year, institution code, scheme."""
        return self.fiscal_year, self.institution.code, self.scheme.value


class ReportRefused(ValueError):
    """A reporting status with at least one error."""

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors
        super().__init__(", ".join(f"{error.field}: {error.code}" for error in errors))


def parse_report(raw: object, now: datetime, carrier_domains: Collection[str]) -> Report:
    """A validated reporting status. Raises ReportRefused with every error found."""
    if not isinstance(raw, Mapping):
        raise ReportRefused([FieldError("", "type", "a reporting status must be a JSON object")])
    reader = Reader(raw)
    report = _read(reader, now, carrier_domains, recipient_given="recipient" in raw)
    reader.unknown()
    if report is None or reader.errors:
        raise ReportRefused(reader.errors)
    return report


def _read(reader: Reader, now: datetime, carrier_domains: Collection[str], *, recipient_given: bool) -> Report | None:
    fiscal_year = reader.integer("fiscal_year", FIRST_FISCAL_YEAR, LAST_FISCAL_YEAR, required=True)
    scheme = reader.choice("scheme", Scheme, required=False)
    institution = parse_institution(reader, required=True)
    recipient = parse_recipient(reader, carrier_domains, required=False)
    status = reader.one_of("status", STATUSES, required=True)
    as_of = _as_of(reader, now)
    channel = reader.one_of("channel", CHANNELS, required=False)
    last_year_data = reader.boolean("last_year_data", default=True)
    if fiscal_year is None or institution is None or status is None:
        return None
    return Report(
        fiscal_year=fiscal_year,
        scheme=scheme or Scheme.default_for(institution.type),
        institution=institution,
        recipient=recipient,
        recipient_given=recipient_given,
        status=status,
        as_of=as_of,
        channel=channel or "online",
        last_year_data=last_year_data,
    )


def _as_of(reader: Reader, now: datetime) -> datetime:
    """Absent means now. One that lies ahead would keep every later word out until then."""
    as_of = reader.moment("as_of", required=False)
    if as_of is not None and as_of > now + _CLOCKS_DIFFER_BY:
        reader.refuse("as_of", "future", "lies in the future")
    return as_of or now
