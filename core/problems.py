"""Problems as RFC 9457 documents: a stable code, a Japanese title, the fields at fault; never a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import FieldError

MEDIA_TYPE = "application/problem+json"

TITLES: Mapping[str, tuple[int, str]] = {
    "unparsable": (400, "リクエストを読み取れません"),
    "unauthenticated": (401, "認証が必要です"),
    "forbidden": (403, "この操作を行う権限がありません"),
    "forged": (403, "この画面からの操作であることを確認できません"),
    "not-found": (404, "該当するものが見つかりません"),
    "method-not-allowed": (405, "この操作には対応していません"),
    "job-id-reused": (409, "同じ job_id が別の内容で既に使われています"),
    "job-id-unverifiable": (409, "同じ job_id が既に使われており、同じ内容かどうかを確認できません"),
    "report-unreadable": (409, "この報告のメールを復号できません"),
    "already-issued": (409, "この申請については既にアカウント発行の案内を受け付けています"),
    "resend-impossible": (409, "このメールは再送できません"),
    "not-cancellable": (409, "このメールは既に送信済みか、送信が終わっているため取り消せません"),
    "not-in-doubt": (409, "このメールは送信結果不明ではありません"),
    "not-undelivered": (409, "このメールは不達ではありません"),
    "already-suppressed": (409, "このメールアドレスは既に送信停止となっています"),
    "already-released": (409, "この送信停止は既に解除されています"),
    "nothing-to-cancel": (409, "取り消せるメールが残っていません"),
    "reapply-instead": (409, "メールが不達のため、メールアドレスの変更ではなく再申請が必要です"),
    "ambiguous-institution": (409, "同じ名称の報告機関が複数あります"),
    "already-requested": (409, "同じ変更後メールアドレスへの変更依頼を既に受け付けています"),
    "change-not-requested": (409, "この変更依頼は承認待ちではありません"),
    "change-not-approved": (409, "この変更依頼は承認済ではありません"),
    "change-not-open": (409, "この変更依頼は既に完了又は却下されています"),
    "too-large": (413, "リクエストが大きすぎます"),
    "unsupported-encoding": (415, "圧縮されたリクエストには対応していません"),
    "invalid": (422, "入力内容に誤りがあります"),
    "unknown-field": (422, "定義されていない項目があります"),
    "another-institution": (422, "この申請は別の報告機関のものとして登録されています"),
    "not-by-rule": (422, "申請方法、アカウントの状態又は申請の結果から、このメールは送信対象ではありません"),
    "not-for-this-route": (422, "都道府県の代理申請では、このメールは送信しません"),
    "no-pre-check": (422, "この申請の事前確認メールがありません"),
    "recipient-differs": (422, "事前確認メールの宛先と異なります"),
    "pre-check-undelivered": (422, "事前確認メールが届いていないため、利用案内メールは送信できません"),
    "no-contact": (422, "この都道府県の問い合わせ先が設定されていません"),
    "paper-channel": (422, "紙で報告する機関にはメールを送信しません"),
    "already-reminded": (422, "同じ回の催促メールは既に受け付けています"),
    "out-of-range": (422, "日時が対応範囲外です"),
    "internal": (500, "サーバーで問題が発生しました"),
    "unavailable": (503, "ただいま処理できません"),
}
"""Every code, with its HTTP status and title."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal. `extra` holds further members, such as the procedure."""

    code: str
    detail: str | None = None
    errors: Sequence[FieldError] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return TITLES[self.code][0]

    @property
    def title(self) -> str:
        """What is wrong, in Japanese."""
        return TITLES[self.code][1]

    def as_dict(self) -> dict[str, Any]:
        """The RFC 9457 document. `errors` is always there, empty where no field is to blame."""
        document: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "errors": [{"field": error.field, "code": error.code, "detail": error.detail} for error in self.errors],
        }
        if self.detail is not None:
            document["detail"] = self.detail
        return document | dict(self.extra)


def field_problem(errors: Sequence[FieldError]) -> Problem:
    """422 for bad fields; `unknown-field` where that is all that is wrong."""
    only_unknown = all(error.code == "unknown-field" for error in errors)
    return Problem("unknown-field" if only_unknown else "invalid", errors=errors)
