"""To whom a mail speaks (rule 147): 機関名 / 担当部署 / 姓 名 様, or 御中 where there is no person."""

from __future__ import annotations

from typing import TypeGuard

from core.mail import Institution, Recipient

NO_INSTITUTION = "ご担当者 様"
"""A code is sent before anything but the address is known."""


def recipient_lines(recipient: Recipient, institution: Institution | None) -> tuple[str, ...]:
    """The lines above the mail, each to stand on one line whatever its length; none is ever blank."""
    if institution is None:
        return (NO_INSTITUTION,)
    body = [one_line(part) for part in (institution.name, recipient.department) if filled(part)]
    person = " ".join(one_line(part) for part in (recipient.family_name, recipient.given_name) if filled(part))
    if person:
        return (*body, f"{person} 様")
    return (*body[:-1], f"{body[-1]} 御中")


def one_line(value: str) -> str:
    """`value` without line breaks, so that no name can pose as a line of the mail."""
    return " ".join(value.splitlines())


def filled(value: str | None) -> TypeGuard[str]:
    """Whether there is anything to read."""
    return value is not None and bool(value.strip())
