"""What is wrong with a field or a parameter, in a person's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.errors import FieldError

_WRONG: Mapping[str, str] = {
    "required": "入力してください。",
    "empty": "入力してください。",
    "too-long": "長すぎます。短くしてください。",
    "control-character": "使用できない文字が含まれています。",
    "format": "形式が正しくありません。ご確認ください。",
    "choice": "いずれかを選択してください。",
    "same": "変更前と異なるメールアドレスを入力してください。",
    "unknown": "該当する報告機関が見つかりません。ご確認ください。",
    "not-yours": "自らの都道府県を選択してください。",
    "range": "対応していない範囲です。",
    "out-of-range": "対応していない範囲です。",
    "repeated": "二つ以上指定されています。",
    "unknown-field": "この画面では指定できません。",
}
_OTHERWISE = "入力内容をご確認ください。"
_CHOSEN = frozenset({"prefecture", "scope", "symptom", "channel", "result", "outcome"})
"""What is chosen and not typed."""

_FIELDS: Mapping[str, str] = {
    "q": "検索する語句",
    "institution_code": "機関コード",
    "institution_name": "報告機関名",
    "application_id": "申請番号",
    "job_id": "メールジョブ",
    "login_id": "ログインID",
    "email": "メールアドレス",
    "old_email": "変更前メールアドレス",
    "new_email": "変更後メールアドレス",
    "prefecture": "都道府県",
    "kind": "メール",
    "status": "状態",
    "state": "状態",
    "work": "連絡の状況",
    "scope": "対象",
    "scheme": "報告の制度",
    "symptom": "お困りごと",
    "fiscal_year": "年度",
    "days": "集計する期間",
    "since": "開始日",
    "until": "終了日",
    "actor": "操作した人",
    "action": "操作",
    "subject": "対象",
    "at": "日時",
    "channel": "方法",
    "result": "結果",
    "outcome": "確認した結果",
    "note": "内容",
    "why": "理由",
    "cursor": "表示の位置",
}


def wrong(errors: Iterable[FieldError]) -> dict[str, str]:
    """What is wrong with each field, to be shown beside it."""
    return {error.field: _WRONG.get(_code(error), _OTHERWISE) for error in errors}


def _code(error: FieldError) -> str:
    return "choice" if error.code == "required" and error.field in _CHOSEN else error.code


def sentences(errors: Iterable[FieldError]) -> Sequence[str]:
    """What is wrong, where no field is there to show it beside. A name that is none of ours is not repeated."""
    return [f"{_FIELDS.get(field, 'URL')}：{what}" for field, what in wrong(errors).items()]
