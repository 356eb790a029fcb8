"""`todoke demo`: the whole service on sample applications, a fast clock and the capturing sink."""

from todoke.demo.command import run

__all__ = ["run"]
