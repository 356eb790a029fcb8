"""A procedure as it is told: texts filled in with facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from core.mail import Contact
from helpdesk.vocabulary import ProcedureId


@dataclass(frozen=True, slots=True)
class Procedure:
    """対応方法 (contract section 9). `who` acts; `version` names the texts; `summary` says why, in one sentence."""

    id: ProcedureId
    title: str
    steps: tuple[str, ...]
    contact: Contact
    urls: tuple[str, ...]
    not_possible: tuple[str, ...]
    who: str
    version: str
    summary: str

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the API's answers: strings, lists and one object for the contact."""
        lists = {"steps": list(self.steps), "urls": list(self.urls), "not_possible": list(self.not_possible)}
        return asdict(self) | lists | {"id": self.id.value}
