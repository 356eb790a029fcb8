"""Signing in and out (Japanese pages)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from store.users import Admitted, Attempt, TurnedAway, real_now
from web import csrf
from web.forms import read_form
from web.pages.rendering import page
from web.services import Services, Serving
from web.sessions import ENDED, SAID, SIGN_IN, UNSAVED, recognise, safe_next

router = APIRouter(include_in_schema=False)

_MOST_OCTETS = 10_000
_WRONG = "ユーザー名又はパスワードが正しくありません。"
_LOCKED = "誤った入力が続いたため、ログインを一時的に停止しています。約{minutes}分後に、もう一度お試しください。"
_STALE = "画面の有効期限が切れました。お手数ですが、もう一度入力してください。"
_SAID: Mapping[str, str] = {
    ENDED: "ログインの状態が終了していました。入力の途中だった内容は保存されていません。",
    UNSAVED: "ログインの状態が終了していたため、入力された内容は登録されていません。"
    "ログインすると元の画面に戻りますので、お手数ですが、もう一度入力してください。",
}


@router.get(SIGN_IN)
async def show_sign_in(request: Request, services: Serving) -> Response:
    """The sign-in form; who has signed in already is led on."""
    wanted = safe_next(request.query_params.get("next"))
    if await recognise(request, services) is not None:
        return RedirectResponse(wanted, 303)
    return sign_in_form(request, services, {"next": wanted, "said": request.query_params.get(SAID)})


@router.post(SIGN_IN)
async def sign_in(request: Request, services: Serving) -> Response:
    """Let somebody in who knows the password."""
    form = await read_form(request, _MOST_OCTETS)
    name, wanted = form.get("name", ""), safe_next(form.get("next"))
    shown = {"next": wanted, "name": name, "said": form.get(SAID)}
    cookie = services.cookies.form(request)
    if cookie is None or not csrf.is_genuine(request, cookie, form.get(csrf.FIELD), services.public_url):
        return sign_in_form(request, services, {**shown, "problem": _STALE}, 403)
    answer = await services.users.sign_in(_attempt(request, services, name, form.get("password", "")))
    if isinstance(answer, TurnedAway):
        return _turned_away(request, services, shown, answer)
    return let_in(request, services, answer, wanted)


@router.post("/logout")
async def sign_out(request: Request, services: Serving) -> Response:
    """End the session, if there is one."""
    who, token = await recognise(request, services), services.cookies.session(request)
    if who is not None and token is not None:
        await services.users.sign_out(who, token)
    response = RedirectResponse(SIGN_IN, 303)
    services.cookies.clear_session(request, response)
    return response


def let_in(request: Request, services: Services, admitted: Admitted, wanted: str) -> Response:
    """Lead somebody on who was let in, with the cookie of the new session."""
    request.state.principal = admitted.who.name
    response = RedirectResponse(wanted, 303)
    services.cookies.set_session(request, response, admitted.token)
    services.cookies.set_device(request, response, admitted.who.name)
    return response


def peer_of(request: Request) -> str:
    """Where a request came from, as the audit trail has it."""
    return "unknown" if request.client is None else request.client.host


def _attempt(request: Request, services: Services, name: str, password: str) -> Attempt:
    device, session = services.cookies.device(request, name), services.cookies.session(request)
    return Attempt(name, password, peer_of(request), device, session)


def _turned_away(request: Request, services: Services, values: Mapping[str, Any], answer: TurnedAway) -> Response:
    if answer.until is None:
        return sign_in_form(request, services, {**values, "problem": _WRONG}, 403)
    seconds = max((answer.until - real_now()).total_seconds(), 1)
    told = _LOCKED.format(minutes=math.ceil(seconds / 60))
    response = sign_in_form(request, services, {**values, "problem": told}, 429)
    response.headers["Retry-After"] = str(math.ceil(seconds))
    return response


def sign_in_form(request: Request, services: Services, values: Mapping[str, Any], status: int = 200) -> Response:
    """The form with its token. The secret behind the token stays while the browser has one: forms in two tabs work."""
    known = services.cookies.form(request)
    secret = known or services.cookies.new_secret()
    shown = {"name": "", "said": None, "problem": None, "elsewhere": services.oidc_label, **values}
    shown |= {"csrf": csrf.token_for(secret), "told": _SAID.get(shown["said"])}
    response = page(request, None, "login.html", shown, status)
    if known is None:
        services.cookies.set_form(request, response, secret)
    return response
