"""What forms of the pages send, read field by field, and what is wrong with it in a person's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import Request

from core.errors import FieldError
from scheduler.fields import Reader
from web.forms import read_form

MAX_WHY = 1000

_CSRF = "csrf_token"

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
}
_OTHERWISE = "入力内容をご確認ください。"


async def form_reader(request: Request, most: int) -> Reader:
    """The fields of a form. An empty field counts as absent, and the guard against forgery is no field of it."""
    form = await read_form(request, most)
    return Reader({name: value or None for name, value in form.items() if name != _CSRF})


def read_why(reader: Reader) -> str | None:
    """The reason for an action, which the audit trail keeps."""
    return reader.line("why", required=True, most=MAX_WHY, several=True)


def wrong(errors: Iterable[FieldError]) -> dict[str, str]:
    """What is wrong with each field, to be shown beside it."""
    return {error.field: _WRONG.get(error.code, _OTHERWISE) for error in errors}
