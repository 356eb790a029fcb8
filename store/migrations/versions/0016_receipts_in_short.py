"""A receipt tells of each mail in short: its values in order, without what follows from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_IN_ORDER = (
    "id",
    "lease_held",
    "sent_at",
    "settles_at",
    "attempts",
    "first_attempt_at",
    "smtp_code",
    "enhanced_code",
    "diagnostic",
)

_receipts = sa.table("receipts", sa.column("sender"), sa.column("number"), sa.column("taken"))


def upgrade() -> None:
    """Forward: what dead senders have left behind is still entered."""
    _rewrite(lambda mail: [mail[name] for name in _IN_ORDER])


def downgrade() -> None:
    """Back."""
    _rewrite(_at_length)


def _rewrite(of: Callable[[Any], Any]) -> None:
    conn = op.get_bind()
    for sender, number, taken in conn.execute(sa.select(_receipts)).all():
        text = json.dumps([of(mail) for mail in json.loads(taken)], ensure_ascii=False)
        this = (_receipts.c.sender == sender) & (_receipts.c.number == number)
        conn.execute(sa.update(_receipts).where(this).values(taken=text))


def _at_length(values: list[Any]) -> dict[str, Any]:
    mail = dict(zip(_IN_ORDER, values, strict=True))
    detail = {"attempt": mail["attempts"], "smtp_code": mail["smtp_code"], "reply": mail["diagnostic"]}
    event = {"event_at": mail["sent_at"], "event_type": "sent", "event_detail": detail}
    return {**mail, **event, "reason": None, "bounce_class": None}
