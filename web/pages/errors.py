"""Refusals as pages: in Japanese, and with what to do. Programs get the problem document as before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from core.problems import TITLES, Problem
from store.people import Principal
from web.pages.faults import sentences
from web.pages.rendering import page, piece, wants_piece

_API = ("/v1/", "/livez", "/readyz", "/metrics", "/openapi.json")

_MEANINGS: Mapping[str, str] = {
    "not-found": "お探しのものがないか、参照する権限がありません。",
    "forbidden": "この画面を開く権限がありません。",
    "forged": "ログインした画面からの操作であることを確認できませんでした。",
    "unauthenticated": "ログインしていないか、ログインの有効期限が切れました。",
    "method-not-allowed": "この操作には対応していません。",
    "invalid": "入力内容をご確認のうえ、もう一度お試しください。",
    "unavailable": "ただいまデータベースに接続できません。",
    "internal": "システムで問題が発生しました。",
    "too-large": "入力が長すぎます。",
}
_WHAT_TO_DO: Mapping[str, tuple[str, ...]] = {
    "not-found": (
        "URLや機関コードに誤りがないか、ご確認ください。",
        "都道府県窓口の方が参照できるのは、自らの都道府県の報告機関に限ります。",
    ),
    "forbidden": ("必要な場合は、権限の付与について管理者へご相談ください。",),
    "forged": ("画面を再読み込みしてから、もう一度操作してください。",),
    "unauthenticated": ("もう一度ログインしてください。",),
    "unavailable": ("少し待ってから、もう一度お試しください。", "続く場合は、管理者へご連絡ください。"),
    "internal": ("もう一度お試しください。", "続く場合は、発生した時刻を添えて、管理者へご連絡ください。"),
}
_OTHERWISE = ("前の画面に戻って、もう一度お試しください。",)
_CONFLICT = 409
_AS_IT_IS = ("画面を開き直して、現在の状態をご確認ください。",)
"""What somebody else was quicker with, or what cannot be done as things are: to try again is of no use."""


@dataclass(frozen=True, slots=True)
class _Link:
    path: str
    label: str


def shows_pages(request: Request) -> bool:
    """Whether a browser asks for a page, not a program for data."""
    if request.url.path.startswith(_API):
        return False
    return "text/html" in request.headers.get("accept", "") or wants_piece(request)


def problem_page(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a page, or as a piece of the one that is shown."""
    who: Principal | None = getattr(request.state, "viewer", None)
    values = {
        "title": TITLES[problem.code][1],
        "faults": sentences(problem.errors),
        "meaning": _MEANINGS.get(problem.code, "この操作は行えませんでした。"),
        "detail": problem.detail,
        "todo": _WHAT_TO_DO.get(problem.code, _AS_IT_IS if problem.status == _CONFLICT else _OTHERWISE),
        "link": _object(request, problem) if problem.status == _CONFLICT else None,
        "procedure": None if "message_id" in problem.extra else problem.extra.get("procedure"),
    }
    if wants_piece(request):
        answer: Response = piece(request, "refusal.html", values, problem.status)
    else:
        answer = page(request, who, "error.html", values, problem.status)
    answer.headers.update({name: value for name, value in (headers or {}).items() if name != "WWW-Authenticate"})
    return answer


def _object(request: Request, problem: Problem) -> _Link | None:
    """The page of what the command was for, as it is now."""
    asked = request.path_params
    match problem.extra, asked:
        case {"message_id": copy}, _:
            return _Link(f"/messages/{copy}", "再送したメールを表示")
        case _, {"message_id": message_id}:
            return _Link(f"/messages/{message_id}", "このメールを表示")
        case _, {"change_id": change_id}:
            return _Link(f"/address-changes/{change_id}", "この変更依頼を表示")
        case {"institution_code": code}, {"suppression_id": entry}:
            place = f"/suppressions?state=all&institution_code={quote(code)}#suppression-{entry}"
            return _Link(place, "この送信停止を表示")
        case _:
            return None
