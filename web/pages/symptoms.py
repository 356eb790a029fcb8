"""The symptoms as a caller's words, in the order in which they are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helpdesk.vocabulary import Symptom


@dataclass(frozen=True, slots=True)
class Group:
    """Symptoms of one kind."""

    title: str
    symptoms: Sequence[Symptom]


GROUPS = (
    Group(
        "メールが確認できない",
        (
            Symptom.NOT_ARRIVED,
            Symptom.IN_SPAM,
            Symptom.MAILBOX_FULL,
            Symptom.PERSON_LEFT,
            Symptom.CANNOT_VIEW,
            Symptom.LOST_GUIDE,
            Symptom.RESET_MAIL_NOT_ARRIVED,
        ),
    ),
    Group(
        "URLが開けない・ログインできない",
        (
            Symptom.URL_UNREACHABLE,
            Symptom.URL_SHOWS_LOGIN,
            Symptom.UNKNOWN_LOGIN_ID,
            Symptom.UNKNOWN_PASSWORD,
            Symptom.SSO_ERROR,
            Symptom.HOME_SCREEN_NOT_SHOWN,
            Symptom.WHICH_SYSTEM,
        ),
    ),
    Group(
        "報告できない・催促が届いた",
        (
            Symptom.NO_PERMISSION,
            Symptom.BUTTON_MISSING,
            Symptom.REPORT_BUTTON_GREYED,
            Symptom.REMINDED_THOUGH_REPORTED,
        ),
    ),
    Group(
        "申請の前・申請の誤り",
        (
            Symptom.UNKNOWN_INSTITUTION_CODE,
            Symptom.WRONG_INSTITUTION_CODE,
            Symptom.NO_MAIL_ADDRESS,
            Symptom.NO_INTERNET,
        ),
    ),
)
"""Each symptom stands in one group; a test counts them."""
