"""What a log tells of a database that cannot be used: its driver's sentence, where a traceback would hide it."""

from __future__ import annotations

from typing import Any

from core.errors import Outage

_IN_TROUBLE = frozenset(
    {"OperationalError", "InterfaceError", "ReadOnlySqlTransaction", "TimeoutError", "ConnectionError"}
)
_SQLITE_ERROR = 1
"""SQLite's code for what is wrong with a statement; its driver has one class for that and for a full disk."""


def outage(error: BaseException) -> str | None:
    """In one line what is wrong, where that is the database and not what was asked of it; None for any other error.

    Drivers are told by the names that PEP 249 gives their errors. What they say of their server holds neither values
    of rows nor a password.
    """
    cause = getattr(error, "orig", None) or error
    named = any(kind.__name__ in _IN_TROUBLE for kind in (*type(error).__mro__, *type(cause).__mro__))
    if not (named or isinstance(error, Outage)) or getattr(cause, "sqlite_errorcode", None) == _SQLITE_ERROR:
        return None
    # What is behind the first sentence of a server may quote a statement.
    said = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)
    return " ".join(said.split()) or "no answer in time"


def told(error: BaseException) -> dict[str, Any]:
    """The same for a log, to which any other error is told with its traceback."""
    why = outage(error)
    return {"exc_info": error} if why is None else {"why": why}
