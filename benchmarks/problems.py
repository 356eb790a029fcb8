"""Why a section cannot be measured."""

from __future__ import annotations


class Missing(Exception):
    """A tool or a server is not there; the message says which, and what to install or start."""


class Failed(Exception):
    """What was to be measured did not happen as it should: its figures would mean nothing."""
