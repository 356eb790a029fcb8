"""The table `phrases.txt`: what words mean which reason, in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from importlib.resources import files

from core.reports import Reason


class Unknown(Enum):
    """Sections whose reason needs more than words."""

    HOST = "no such host"  # the recipient's domain does not exist, unless the reporter calls that temporary
    MX = "malformed MX"  # the domain takes no mail (RFC 7505), or its name server is in trouble
    USER = "no such user"  # the mailbox does not exist, where the stage or the code leaves no doubt


Meaning = Reason | Unknown

_WEAK = "weak: "
_UNKNOWN = frozenset(member.value for member in Unknown)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words, what they mean, and whether they say so little that codes go before them."""

    words: str
    meaning: Meaning
    weak: bool


def load() -> tuple[Phrase, ...]:
    """Every phrase, in the order of the file."""
    section = ""
    table: list[Phrase] = []
    for line in files(__package__).joinpath("phrases.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name = section.removeprefix(_WEAK)
            meaning = Unknown(name) if name in _UNKNOWN else Reason(name)
            table.append(Phrase(line, meaning, weak=section.startswith(_WEAK)))
    return tuple(table)
