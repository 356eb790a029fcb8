"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes and repetitions of a run."""

    folder: Path
    """A temporary folder for everything that is written."""
    quick: bool = False
    million: bool = False
    count: int = 0
    """Mails of the section `fuzz`, messages of `helpdesk`, kills of `kills`; 0 for their own numbers."""

    @property
    def repetitions(self) -> int:
        """How often everything is measured."""
        return 2 if self.quick else 3

    def size(self, full: int, quick: int) -> int:
        """The one of two sizes that fits."""
        return quick if self.quick else full
