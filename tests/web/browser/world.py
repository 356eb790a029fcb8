"""Institutions in every state that callers ring about."""

from __future__ import annotations

from typing import Any

from core.statuses import Status
from store.people import Role
from tests.web.conftest import Api

NAMES = {
    "3510000001": "周南みなと病院",
    "3510000002": "萩しらなみ診療所",
    "3510000003": "防府かえで薬局",
    "3510000004": "下関うみかぜ病院",
    "3510000005": "宇部ときわ歯科医院",
    "3510000006": "岩国にしき助産所",
    "1310000001": "架空江東薬局",
}


def job(code: str, **changes: Any) -> dict[str, Any]:
    """An account-issue for one of them, of an application of its own."""
    place = {"institution__code": code, "institution__name": NAMES[code], "institution__prefecture": code[:2]}
    own = {
        "job_id": f"issue-{code}",
        "application__id": f"A-{code}",
        "recipient__email": f"soumu{code}@example.jp",
        "data__login_id": f"h{code}",
    }
    return Api.job(**{**own, **place, **changes})


async def build(api: Api) -> dict[str, str]:
    """Publish and move; the ids of the messages that tests ask for."""
    waiting, late, bounced, sent, full, none, tokyo = (
        job("3510000001", application__received_on="2026-11-16", application__approved_on="2026-11-20"),
        job("3510000002", application__received_on="2026-10-20", application__approved_on="2026-11-20"),
        job("3510000003", institution__type="pharmacy"),
        job("3510000004"),
        job("3510000005", institution__type="dental"),
        job("3510000006", institution__type="maternity", application__account="permitted"),
        job("1310000001", institution__type="pharmacy"),
    )
    mails = await api.publish(waiting, late, bounced, sent, full, none, tokyo)
    ids = {f"{mail['kind']}-{place}": mail["id"] for place, mail in zip(_PLACES, mails, strict=True)}
    for place in ("bounced", "sent", "full", "tokyo"):
        await api.send(ids[f"pre-check-{place}"])
    await api.send(ids["guide-sent"])
    await _undelivered(api, ids["guide-bounced"], "userunknown", "hard", 550, "5.1.1")
    await _undelivered(api, ids["guide-full"], "mailboxfull", "soft", 552, "5.2.2")
    await _undelivered(api, ids["guide-tokyo"], "userunknown", "hard", 550, "5.1.1")
    await api.move(ids["pre-check-late"], Status.SENDING, Status.IN_DOUBT)
    return ids


async def unreached(api: Api) -> None:
    """Three that have not reported and that no mail reaches: on paper, without an address, and 不達."""
    word = {"fiscal_year": 2026, "recipient": None, "status": "not-started"}
    bounced = job("1310000001", institution__type="pharmacy")
    words = [
        word | {"institution": job("3510000001")["institution"], "channel": "paper"},
        word | {"institution": job("3510000004")["institution"], "status": "in-progress"},
        word | {"institution": bounced["institution"], "recipient": bounced["recipient"]},
    ]
    answer = await api.ask(Role.PUBLISHER, "POST", "/v1/reports", json=words)
    assert {result["http_status"] for result in answer.json()["results"]} == {200}, answer.text


_PLACES = tuple(
    place for place in ("waiting", "late", "bounced", "sent", "full", "tokyo") for _ in ("pre-check", "guide")
)


async def _undelivered(api: Api, message_id: str, reason: str, bounce_class: str, code: int, enhanced: str) -> None:
    values = {
        "reason": reason,
        "bounce_class": bounce_class,
        "smtp_code": code,
        "enhanced_code": enhanced,
        "diagnostic": f"{code} {enhanced} said of the mailbox",
    }
    await api.move(message_id, Status.SENDING, Status.UNDELIVERED, **values)
