"""The jobs that are published: the same ones in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

CLOCK = "2027-01-12T09:05:00+09:00"
"""A Tuesday within business hours and the reporting period: every kind may leave for almost eight hours."""

_SEED = 20270112
_FAMILY_NAMES = ("田中", "佐々木", "鈴木", "長谷川", "伊藤", "小山田")
_GIVEN_NAMES = ("花子", "太郎", "美咲", "健", "さくら", "一郎")
_PLACES = ("周南みなと", "山口中央", "下関港", "宇部新川", "萩城下", "岩国錦")
_TYPES = {"病院": "hospital", "医院": "clinic", "歯科医院": "dental", "助産院": "maternity", "薬局": "pharmacy"}

DATA: dict[str, dict[str, Any]] = {
    "code": {"code": "482913", "expires_at": "2027-01-13T09:00:00+09:00"},
    "application-complete": {},
    "reminder": {"fiscal_year": 2026, "deadline": "2027-03-31"},
    "account-issue": {"login_id": "h3510012345", "setup_url": "https://www.g-mis.mhlw.go.jp/s/9f2c61d07ab84e35"},
}
"""By kind: the kinds that are published here."""


def published(kind: str, count: int, prefix: str = "bench") -> Iterator[dict[str, Any]]:
    """`count` jobs of a kind, each of an application and an institution of its own."""
    chance = random.Random(f"{_SEED} {kind} {prefix}")
    for number in range(count):
        recipient = _person(chance) | {"email": f"soumu{number}@{prefix}.example.jp"}
        job: dict[str, Any] = {"job_id": f"{prefix}-{kind}-{number}", "kind": kind, "data": DATA[kind]}
        job["recipient"] = recipient
        if kind != "code":
            job["institution"] = _institution(chance, number)
        if kind not in {"code", "reminder"}:
            job["application"] = _application(f"{prefix}-{kind}-{number}")
        yield job


def _person(chance: random.Random) -> dict[str, str]:
    return {
        "department": "総務課",
        "family_name": chance.choice(_FAMILY_NAMES),
        "given_name": chance.choice(_GIVEN_NAMES),
    }


def _institution(chance: random.Random, number: int) -> dict[str, Any]:
    word, kind = chance.choice(sorted(_TYPES.items()))
    return {"code": f"35{number:08}", "name": chance.choice(_PLACES) + word, "type": kind, "prefecture": "35"}


def _application(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "route": "self",
        "account": "none",
        "received_on": "2027-01-04",
        "approved_on": "2027-01-08",
    }
