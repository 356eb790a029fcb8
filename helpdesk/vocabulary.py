"""Symptoms, procedures and desks: the closed lists of contract section 9."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto


class _Hyphenated(StrEnum):
    """Members set to `auto()` have their name as value, written as in the contract: lost-guide."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        return name.lower().replace("_", "-")


class Symptom(_Hyphenated):
    """What a caller complains of."""

    NOT_ARRIVED = auto()
    MAILBOX_FULL = auto()
    IN_SPAM = auto()
    PERSON_LEFT = auto()
    CANNOT_VIEW = auto()
    URL_UNREACHABLE = auto()
    URL_SHOWS_LOGIN = auto()
    LOST_GUIDE = auto()
    UNKNOWN_LOGIN_ID = auto()
    UNKNOWN_PASSWORD = auto()
    NO_PERMISSION = auto()
    REMINDED_THOUGH_REPORTED = auto()
    RESET_MAIL_NOT_ARRIVED = auto()
    SSO_ERROR = auto()
    HOME_SCREEN_NOT_SHOWN = auto()
    WHICH_SYSTEM = auto()
    BUTTON_MISSING = auto()
    REPORT_BUTTON_GREYED = auto()
    UNKNOWN_INSTITUTION_CODE = auto()
    WRONG_INSTITUTION_CODE = auto()
    NO_MAIL_ADDRESS = auto()
    NO_INTERNET = auto()

    @property
    def label(self) -> str:
        """The symptom in a caller's words."""
        return _SYMPTOM_LABELS[self]


_SYMPTOM_LABELS: Mapping[Symptom, str] = {
    Symptom.NOT_ARRIVED: "メールが届かない",
    Symptom.MAILBOX_FULL: "メールボックスの空き容量が不足していた",
    Symptom.IN_SPAM: "迷惑メールフォルダにメールがあった",
    Symptom.PERSON_LEFT: "担当者が退職等で不在のため、メールが確認できない",
    Symptom.CANNOT_VIEW: "閲覧権限を持つ方がいないため、メールを見ることができない",
    Symptom.URL_UNREACHABLE: "メールにあるURLにアクセスできない",
    Symptom.URL_SHOWS_LOGIN: "メールにあるURLをクリックすると、ログイン画面が表示される",
    Symptom.LOST_GUIDE: "G-MIS利用案内メールを紛失した",
    Symptom.UNKNOWN_LOGIN_ID: "ログインID（ユーザ名）が分からない",
    Symptom.UNKNOWN_PASSWORD: "パスワードが分からない",
    Symptom.NO_PERMISSION: "権限が存在しない旨のメッセージが表示される",
    Symptom.REMINDED_THOUGH_REPORTED: "報告をしたはずなのに、催促のメールが届いた",
    Symptom.RESET_MAIL_NOT_ARRIVED: "パスワードリセットの案内メールが届かない",
    Symptom.SSO_ERROR: "シングルサインオンのエラーが表示される",
    Symptom.HOME_SCREEN_NOT_SHOWN: "「G-MIS」を選択してもホーム画面に遷移しない",
    Symptom.WHICH_SYSTEM: "ログイン後、どのシステムを選択すべきか分からない",
    Symptom.BUTTON_MISSING: "「医療機能情報提供制度」又は「薬局機能情報提供制度」のボタンが表示されない",
    Symptom.REPORT_BUTTON_GREYED: "定期報告ボタンが押せない",
    Symptom.UNKNOWN_INSTITUTION_CODE: "機関コードが分からない",
    Symptom.WRONG_INSTITUTION_CODE: "申請時の機関コードが間違っていた",
    Symptom.NO_MAIL_ADDRESS: "メールアドレスを持っていない",
    Symptom.NO_INTERNET: "インターネット環境がない",
}


class ProcedureId(_Hyphenated):
    """対応方法: what the helpdesk tells the caller to do next."""

    WAIT = auto()
    FREE_MAILBOX = auto()
    CHECK_SPAM_FOLDER = auto()
    CHANGE_ADDRESS = auto()
    CHECK_URL_ACCESS = auto()
    REAPPLY = auto()
    FIND_EXISTING_ACCOUNT = auto()
    ASK_LOGIN_ID_AND_RESET_PASSWORD = auto()
    CONFIRM_PERMISSION = auto()
    RESET_PASSWORD = auto()
    PRESS_REPORT_BUTTON = auto()
    CONTACT_SECRETARIAT = auto()
    CONTACT_PREFECTURE = auto()
    USE_LOGIN_URL = auto()
    ALLOW_POPUPS = auto()
    CHOOSE_GMIS = auto()
    USE_REPORT_ACCOUNT = auto()
    CHECK_PERIOD = auto()
    USE_NEW_REPORT = auto()
    ASK_INSTITUTION_CODE = auto()
    GET_MAIL_ADDRESS = auto()
    REPORT_ON_PAPER = auto()


class Desk(_Hyphenated):
    """Who answers (rules 124-129)."""

    PREFECTURE = auto()
    SECRETARIAT = auto()

    @property
    def label(self) -> str:
        """The desk as the source documents call it."""
        return "都道府県窓口" if self is Desk.PREFECTURE else "G-MIS事務局"


class ReportStatus(_Hyphenated):
    """How far the institution is with its report (rule 77)."""

    NOT_STARTED = auto()
    IN_PROGRESS = auto()
    REPORTED = auto()

    @property
    def label(self) -> str:
        """The status as G-MIS shows it."""
        return _REPORT_STATUS_LABELS[self]


_REPORT_STATUS_LABELS: Mapping[ReportStatus, str] = {
    ReportStatus.NOT_STARTED: "未報告",
    ReportStatus.IN_PROGRESS: "報告中",
    ReportStatus.REPORTED: "報告済",
}
