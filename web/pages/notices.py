"""What was done, said once on the page that follows: the address names it by a code, and never by free text."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse

_NOTICES: Mapping[str, str] = {
    "resent": "再送を受け付けました。新しいメールとして送信します。",
    "resent-in-vain": "宛先が送信停止となっているため、メールは送信されませんでした。"
    "再送するには、先に送信停止を解除するか、宛先を訂正してください。",
    "cancelled": "メールを取り消しました。",
    "resolved": "送信結果を確定しました。",
    "requested": "メールアドレスの変更依頼を登録しました。",
    "approved": "メールアドレスの変更依頼を承認しました。",
    "rejected": "メールアドレスの変更依頼を却下しました。",
    "done": "変更の完了を登録しました。",
    "released": "送信停止を解除しました。",
    "suppressed": "送信停止を登録しました。",
    "followed-up": "連絡の記録を登録しました。",
}


def notice(request: Request) -> str | None:
    """The sentence for what the request before this one did."""
    return _NOTICES.get(request.query_params.get("done", ""))


def see(place: str, done: str) -> RedirectResponse:
    """Lead on to a page that says what was done (RFC 9110, section 15.4.4)."""
    mark = "&" if "?" in place else "?"
    return RedirectResponse(f"{place}{mark}done={done}", 303)
