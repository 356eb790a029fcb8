"""The 47 prefectures: names, desks, and what differs between them (section T of the rules)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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

_LATE_MAILS = "not-arrived"
"""The symptom of which a mail says beforehand who answers."""

_Year = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]

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
    desks: Mapping[str, Desk] = field(default_factory=dict)  # by symptom
    paper_accepted: bool | None = None
    notice: _Text | None = None

    @property
    def trouble_day(self) -> int:
        """Days from the application to the trouble procedure (rule 64)."""
        return self.trouble_weeks * 7


@dataclass(frozen=True, slots=True, kw_only=True)
class _Season:
    """What is so in one fiscal year alone."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    desks: Mapping[str, Desk] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefecture(_Usage):
    """One prefecture. `years` are fiscal years, by the western year in which they begin."""

    code: str
    name: _Text
    contact: _Contact | None = None
    insurance_prefix: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}$")] | None = None
    years: Mapping[_Year, _Season] = field(default_factory=dict)

    def desks_in(self, fiscal_year: int) -> Mapping[str, Desk]:
        """Who answers which symptom in a fiscal year: what is said of the year goes before what is said of all."""
        season = self.years.get(str(fiscal_year))
        return self.desks if season is None else {**self.desks, **season.desks}

    def named_symptoms(self) -> Iterator[tuple[str, str]]:
        """Each symptom that has a desk, and where that is said: `desks`, `years.2026.desks`."""
        yield from ((symptom, "desks") for symptom in self.desks)
        for year, season in self.years.items():
            yield from ((symptom, f"years.{year}.desks") for symptom in season.desks)


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

    def waiting_times(self, code: str, fiscal_year: int) -> WaitingTimes:
        """How long things take in this prefecture, and who is asked in this fiscal year, as mails say it.

        Raises KeyError for a code that is none.
        """
        prefecture = self.by_code[code]
        by_secretariat = prefecture.desks_in(fiscal_year).get(_LATE_MAILS) == "secretariat"
        return WaitingTimes(
            issuing=_weeks_text(prefecture.issue_weeks),
            enquiry=f"{prefecture.trouble_weeks}週間",
            desk="G-MIS事務局" if by_secretariat else "都道府県窓口",
        )


def _weeks_text(weeks: tuple[int, int]) -> str:
    shortest, longest = weeks
    return f"{longest}週間" if shortest == longest else f"{shortest}～{longest}週間"


def load_prefectures(
    config_dir: Path | None, symptoms: Collection[str], fixed: Mapping[str, str] | None = None
) -> Prefectures:
    """The prefectures. `symptoms` are the names that `desks` may use, but for those that are `fixed`, with the reason.

    Raises ConfigurationError.
    """
    table = load_table(FILE, config_dir)
    default = table.pop("default", None)
    shaped(FILE, config_dir, _Usage, default, "default")
    if isinstance(table["prefectures"], Mapping):
        places = sorted(table["prefectures"].items())
        table["prefectures"] = {code: _whole(code, place, default) for code, place in places}
    found = shaped(FILE, config_dir, Prefectures, table)
    for fault in _faulty_desks(found, symptoms, fixed or {}):
        raise ConfigurationError(f"{file_name(FILE, config_dir)}: {fault}")
    return found


def _whole(code: str, place: Any, default: Mapping[str, Any]) -> Any:
    return merged(default, place) | {"code": code} if isinstance(place, Mapping) else place


def _faulty_desks(found: Prefectures, symptoms: Collection[str], fixed: Mapping[str, str]) -> Iterator[str]:
    for code, prefecture in found.by_code.items():
        for symptom, place in prefecture.named_symptoms():
            if symptom not in symptoms:
                yield f"prefectures.{code}.{place}.{symptom}: is not a symptom"
            elif symptom in fixed:
                yield f"prefectures.{code}.{place}.{symptom}: has no effect: {fixed[symptom]}"
