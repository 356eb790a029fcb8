"""Our cookies: none readable by scripts, none sent along by other sites' forms, and over TLS alone but for `local`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from store.search import name_key

_HALF_A_YEAR_SECONDS = 180 * 24 * 3600
_TEN_MINUTES_SECONDS = 600
_MOST_OCTETS = 200
_MOST_OCTETS_OF_FLOW = 3800
_SAME_SITE: Literal["lax"] = "lax"


@dataclass(frozen=True, slots=True)
class CookieJar:
    """Names and reads our cookies. `keys` sign which devices are known; with `plain_allowed` plain HTTP will do."""

    keys: Sequence[bytes]
    plain_allowed: bool

    def session(self, request: Request) -> str | None:
        """The token of the session, if the browser has one."""
        return self._read(request, "session")

    def set_session(self, request: Request, response: Response, token: str) -> None:
        """Have the browser keep a session until it is closed; when it ends is decided here."""
        self._set(request, response, "session", token, None)

    def clear_session(self, request: Request, response: Response) -> None:
        """Have the browser forget the session."""
        self._clear(request, response, "session")

    @staticmethod
    def new_secret() -> str:
        """A secret for a form."""
        return secrets.token_urlsafe(16)

    def form(self, request: Request) -> str | None:
        """The secret behind the token of the sign-in form."""
        return self._read(request, "form")

    def set_form(self, request: Request, response: Response, secret: str) -> None:
        """Have the browser keep the secret behind the sign-in form."""
        self._set(request, response, "form", secret, None)

    def flow(self, request: Request) -> str | None:
        """A sign-in elsewhere that is under way."""
        return self._read(request, "flow", _MOST_OCTETS_OF_FLOW)

    def set_flow(self, request: Request, response: Response, value: str) -> None:
        """Have the browser keep a sign-in elsewhere until it comes back, ten minutes at most."""
        self._set(request, response, "flow", value, _TEN_MINUTES_SECONDS)

    def clear_flow(self, request: Request, response: Response) -> None:
        """Have the browser forget it: it serves once."""
        self._clear(request, response, "flow")

    def device(self, request: Request, name: str) -> str | None:
        """The device's id, if this user has signed in on it before."""
        value = self._read(request, _device_cookie(name)) or ""
        device, _, signature = value.partition(".")
        signatures = [self._signature(key, name, device) for key in self.keys]
        known = any(hmac.compare_digest(signature.encode(), expected.encode()) for expected in signatures)
        return device if known else None

    def set_device(self, request: Request, response: Response, name: str) -> None:
        """Remember that this user has signed in on this device."""
        device = self.device(request, name) or secrets.token_urlsafe(16)
        value = f"{device}.{self._signature(self.keys[0], name, device)}"
        self._set(request, response, _device_cookie(name), value, _HALF_A_YEAR_SECONDS)

    def _signature(self, key: bytes, name: str, device: str) -> str:
        text = "\n".join(("todoke device", name_key(name), device))
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def _read(self, request: Request, label: str, most: int = _MOST_OCTETS) -> str | None:
        value = request.cookies.get(self._name(request, label))
        return value if value is not None and 0 < len(value) <= most else None

    def _clear(self, request: Request, response: Response, label: str) -> None:
        name, secure = self._name(request, label), self._secure(request)
        response.delete_cookie(name, secure=secure, httponly=True, samesite=_SAME_SITE)

    def _set(self, request: Request, response: Response, label: str, value: str, seconds: int | None) -> None:
        response.set_cookie(
            self._name(request, label),
            value,
            max_age=seconds,
            secure=self._secure(request),
            httponly=True,
            samesite=_SAME_SITE,
        )

    def _name(self, request: Request, label: str) -> str:
        """Browsers take a `__Host-` cookie from nobody but this very host, over TLS (RFC 6265bis, section 4.1.3.2)."""
        return f"__Host-todoke-{label}" if self._secure(request) else f"todoke-{label}"

    def _secure(self, request: Request) -> bool:
        return not (self.plain_allowed and request.url.scheme == "http")


def _device_cookie(name: str) -> str:
    return "device-" + hashlib.sha256(name_key(name).encode()).hexdigest()[:12]
