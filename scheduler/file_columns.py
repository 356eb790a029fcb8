"""The columns that a CSV file may have: the dotted keys of what it holds (contract sections 3 and 5)."""

from __future__ import annotations

_INSTITUTION = tuple(f"institution.{key}" for key in ("code", "name", "type", "prefecture"))
_RECIPIENT = tuple(f"recipient.{key}" for key in ("email", "department", "family_name", "given_name"))
_APPLICATION = tuple(f"application.{key}" for key in ("id", "route", "account", "received_on", "approved_on"))
_DATA = (
    *("code", "expires_at", "reason", "login_id", "setup_url", "reset_url"),
    *("fiscal_year", "deadline", "scheme"),
)

JOB_COLUMNS = frozenset(
    ("job_id", "kind", "not_before", *_APPLICATION, *_INSTITUTION, *_RECIPIENT, *(f"data.{key}" for key in _DATA))
)
"""Of jobs, of whatever kind."""

REPORT_COLUMNS = frozenset(
    ("fiscal_year", "scheme", "status", "as_of", "channel", "last_year_data", *_INSTITUTION, *_RECIPIENT)
)
"""Of reporting statuses."""
