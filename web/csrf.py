"""Against requests that another site has a browser make (OWASP: Cross-Site Request Forgery Prevention).

Two things have to hold for whatever changes something under a cookie: the request comes from a page of ours by what the
browser says of its origin, and it carries a token that only pages of ours hold.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import Request

HEADER = "X-CSRF-Token"
FIELD = "csrf_token"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})  # none: typed or reloaded by the user


def token_for(cookie: str) -> str:
    """The token that belongs to a cookie's secret, and does not give it away."""
    digest = hmac.new(cookie.encode(), b"todoke csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_unsafe(request: Request) -> bool:
    """Whether a request may change something (RFC 9110, section 9.2.1)."""
    return request.method not in _SAFE_METHODS


def is_genuine(request: Request, cookie: str, given: str | None, public_url: str | None) -> bool:
    """Whether a request was made by a page of ours. `given` is the token it carries, `cookie` the secret behind it."""
    expected = token_for(cookie)
    return comes_from_us(request, public_url) and hmac.compare_digest(expected.encode(), (given or "").encode())


def comes_from_us(request: Request, public_url: str | None) -> bool:
    """What the browser says of where a request comes from; a request that says nothing at all comes from nobody."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and origin is None:
        return False
    return site in (None, *_OWN_SITE) and (origin is None or _is_own(origin, request, public_url))


def _is_own(origin: str, request: Request, public_url: str | None) -> bool:
    if public_url is not None:
        return origin == "{0.scheme}://{0.netloc}".format(urlsplit(public_url))
    return urlsplit(origin).netloc == request.headers.get("host")
