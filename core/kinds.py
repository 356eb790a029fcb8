"""Kinds of mail, institutions and application routes: the exact strings of the contract."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """A kind of mail. Seven from the source documents (rules 22-41), two besides."""

    CODE = "code"
    APPLICATION_COMPLETE = "application-complete"
    PRE_CHECK = "pre-check"
    GUIDE = "guide"
    EXISTING_USER_CONFIRM = "existing-user-confirm"
    REJECTION = "rejection"
    REMINDER = "reminder"
    PASSWORD_RESET = "password-reset"
    ADDRESS_CHANGED = "address-changed"

    @property
    def label(self) -> str:
        """The name of the mail that a person reads (rules 22-41)."""
        return _LABELS[self]


_LABELS = {
    Kind.CODE: "認証コードのメール",
    Kind.APPLICATION_COMPLETE: "ユーザ登録申請完了メール",
    Kind.PRE_CHECK: "事前確認メール",
    Kind.GUIDE: "G-MIS利用案内メール",
    Kind.EXISTING_USER_CONFIRM: "G-MIS利用案内既存のご利用者確認依頼メール",
    Kind.REJECTION: "却下メール",
    Kind.REMINDER: "催促のメール",
    Kind.PASSWORD_RESET: "パスワードリセットの案内メール",
    Kind.ADDRESS_CHANGED: "メールアドレス変更完了のお知らせ",
}

ACCOUNT_ISSUE = "account-issue"
"""The job kind from which the service itself decides which mails follow (contract section 3)."""

BY_TABLE = frozenset({Kind.PRE_CHECK, Kind.GUIDE, Kind.EXISTING_USER_CONFIRM})
"""Mails that the rule table decides on (rule 60), also where they are published by themselves: of an approval all."""

DECIDING = BY_TABLE | {Kind.REJECTION}
"""Mails that tell how an application was decided (rules 60 and 78)."""

SECRET_KINDS = frozenset({Kind.CODE, Kind.GUIDE, Kind.PASSWORD_RESET})
"""Kinds whose data hold a secret: encrypted at rest, erased when the message is final."""


URGENT_KINDS = frozenset({Kind.CODE, Kind.PASSWORD_RESET})
"""Kinds that somebody waits for in front of a screen: they go before all others."""


class Route(StrEnum):
    """Who applied (rule 5)."""

    SELF = "self"
    PREFECTURE = "prefecture"


class Account(StrEnum):
    """What the institution had when it applied (rules 13, 35, 36, 57)."""

    NONE = "none"
    UNPERMITTED = "unpermitted"
    PERMITTED = "permitted"


class InstitutionType(StrEnum):
    """Types of reporting institutions (rule 1)."""

    HOSPITAL = "hospital"
    CLINIC = "clinic"
    DENTAL = "dental"
    MATERNITY = "maternity"
    PHARMACY = "pharmacy"

    @property
    def label(self) -> str:
        """The type in Japanese."""
        return _TYPE_LABELS[self]


_TYPE_LABELS = {
    InstitutionType.HOSPITAL: "病院",
    InstitutionType.CLINIC: "診療所",
    InstitutionType.DENTAL: "歯科診療所",
    InstitutionType.MATERNITY: "助産所",
    InstitutionType.PHARMACY: "薬局",
}


class Scheme(StrEnum):
    """What is reported (contract section 5)."""

    MEDICAL_FUNCTION = "medical-function"
    PHARMACY_FUNCTION = "pharmacy-function"
    PRIMARY_CARE = "primary-care"

    @property
    def label(self) -> str:
        """The scheme's name in Japanese."""
        return _SCHEME_LABELS[self]

    @classmethod
    def default_for(cls, institution_type: InstitutionType) -> Scheme:
        """The scheme an institution of this type reports under unless another is named."""
        return cls.PHARMACY_FUNCTION if institution_type is InstitutionType.PHARMACY else cls.MEDICAL_FUNCTION


_SCHEME_LABELS = {
    Scheme.MEDICAL_FUNCTION: "医療機能情報提供制度",
    Scheme.PHARMACY_FUNCTION: "薬局機能情報提供制度",
    Scheme.PRIMARY_CARE: "かかりつけ医機能報告制度",
}
