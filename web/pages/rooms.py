"""The frame of the pages: which rooms there are, and who may enter which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.kinds import Kind
from store.people import Principal, Role
from web.permissions import GRANTS, Call

ROLE_LABELS: Mapping[Role, str] = {
    Role.PUBLISHER: "登録システム",
    Role.HELPDESK: "G-MIS事務局",
    Role.PREFECTURE: "都道府県窓口",
    Role.AUDITOR: "監査",
    Role.ADMIN: "管理者",
}


@dataclass(frozen=True, slots=True)
class Room:
    """One entry of the navigation."""

    path: str
    label: str
    call: Call


ROOMS = (
    Room("/", "検索", Call.ADVISE),
    Room("/dashboard", "状況", Call.READ_MESSAGES),
    Room("/undelivered", "不達の連絡", Call.READ_MESSAGES),
    Room("/to-reach", "催促の届かない機関", Call.READ_MESSAGES),
    Room("/in-doubt", "送信結果不明", Call.READ_MESSAGES),
    Room("/address-changes", "アドレス変更依頼", Call.ADDRESS_CHANGES),
    Room("/suppressions", "送信停止", Call.SUPPRESSIONS),
    Room("/unmatched", "未照合の報告", Call.UNMATCHED_REPORTS),
    Room("/plan", "送信予定の試算", Call.PLAN),
    Room("/audit", "操作記録", Call.AUDIT),
)


def rooms_of(who: Principal) -> tuple[Room, ...]:
    """The pages that this person may open."""
    return tuple(room for room in ROOMS if room.call in GRANTS[who.role])


def may(who: Principal, call: Call) -> bool:
    """Whether this person has the right to a group of calls."""
    return call in GRANTS[who.role]


def sees_kind(who: Principal, kind: Kind) -> bool:
    """Codes are none of a prefecture's business."""
    return who.prefecture is None or kind is not Kind.CODE
