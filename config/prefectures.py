"""The 47 prefectures: names, desks, and what differs between them (section T of the rules)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from config.datafile import file_name, load_table, merged, shaped
from config.values import read_address
from core.errors import ConfigurationError
from core.mail import Contact, WaitingTimes

FILE = "prefectures.toml"

PrefectureCode = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|[1-3][0-9]|4[0-7])$")]
"""JIS X 0401: "01" to "47"."""

Desk = Literal["prefecture", "secretariat"]

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Weeks = Annotated[int, Field(ge=0, le=52)]


def _checked_contact(contact: Contact) -> Contact:
    if not contact.name.strip() or not contact.phone.strip():
        raise ValueError("needs a name and a telephone number")
    read_address(contact.email)
    return contact


def _checked_span(weeks: tuple[int, int]) -> tuple[int, int]:
    if weeks[0] > weeks[1]:
        raise ValueError("the shortest time is longer than the longest")
    return weeks


_Contact = Annotated[Contact, AfterValidator(_checked_contact)]
_Span = Annotated[tuple[_Weeks, _Weeks], AfterValidator(_checked_span)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usage:
    """What may be said for all prefectures at once. Weeks are shortest and longest; None where nobody said."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    issue_weeks: _Span
    trouble_weeks: Annotated[int, Field(ge=1, le=52)]
    address_change_weeks: _Span
    desks: Mapping[str, Desk] = field(default_factory=dict)
    paper_accepted: bool | None = None
    notice: _Text | None = None

    @property
    def trouble_day(self) -> int:
        """Days from the application to the trouble procedure (rule 64)."""
        return self.trouble_weeks * 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefecture(_Usage):
    """One prefecture."""

    code: str
    name: _Text
    contact: _Contact | None = None
    insurance_prefix: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}$")] | None = None


@dataclass(frozen=True, slots=True)
class Prefectures:
    """All prefectures by code, in its order, and the desk of the whole country."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    secretariat: _Contact
    by_code: Annotated[Mapping[PrefectureCode, Prefecture], Field(alias="prefectures")]

    def __getitem__(self, code: str) -> Prefecture:
        """The prefecture. Raises KeyError for a code that is none."""
        return self.by_code[code]

    def name(self, code: str) -> str:
        """山口県 for "35". Raises KeyError for a code that is none."""
        return self.by_code[code].name

    def contact(self, code: str) -> Contact | None:
        """The desk of this prefecture and of no other; None where none is configured (rule 132)."""
        return self.by_code[code].contact if code in self.by_code else None

    def waiting_times(self, code: str) -> WaitingTimes:
        """How long things take in this prefecture, as mails say it. Raises KeyError for a code that is none."""
        prefecture = self.by_code[code]
        return WaitingTimes(issuing=_weeks_text(prefecture.issue_weeks), enquiry=f"{prefecture.trouble_weeks}週間")


def _weeks_text(weeks: tuple[int, int]) -> str:
    shortest, longest = weeks
    return f"{longest}週間" if shortest == longest else f"{shortest}～{longest}週間"


def load_prefectures(config_dir: Path | None, symptoms: Collection[str]) -> Prefectures:
    """The prefectures. `symptoms` are the names that `desks` may use. Raises ConfigurationError."""
    table = load_table(FILE, config_dir)
    default = table.pop("default", None)
    shaped(FILE, config_dir, _Usage, default, "default")
    if isinstance(table["prefectures"], Mapping):
        places = sorted(table["prefectures"].items())
        table["prefectures"] = {code: _whole(code, place, default) for code, place in places}
    found = shaped(FILE, config_dir, Prefectures, table)
    _check_symptoms(found, symptoms, file_name(FILE, config_dir))
    return found


def _whole(code: str, place: Any, default: Mapping[str, Any]) -> Any:
    return merged(default, place) | {"code": code} if isinstance(place, Mapping) else place


def _check_symptoms(found: Prefectures, symptoms: Collection[str], where: str) -> None:
    for code, prefecture in found.by_code.items():
        unknown = sorted(prefecture.desks.keys() - set(symptoms))
        if unknown:
            raise ConfigurationError(f"{where}: prefectures.{code}.desks.{unknown[0]}: is not a symptom")
