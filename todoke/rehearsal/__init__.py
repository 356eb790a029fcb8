"""The rehearsal of a reporting season: the real service on a simulated clock, in a simulated world."""

from todoke.rehearsal.command import Outputs as Outputs
from todoke.rehearsal.command import run as run

__all__ = ["Outputs", "run"]
