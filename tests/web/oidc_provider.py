"""A small OpenID Connect provider: real HTTP on the loopback interface, signed tokens, and every way to go wrong."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from web.server import HttpServer

CLIENT_ID, CLIENT_SECRET = "todoke", "a secret: with %"


class FakeProvider:
    """What it says of whoever comes is `claims`; `spoil` changes a token's claims before it is signed."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.claims: dict[str, Any] = {"sub": "u-1", "preferred_username": "tanaka", "groups": ["pref-35"]}
        self.spoil: Callable[[dict[str, Any]], None] = lambda claims: None
        self.sign: Callable[[dict[str, Any]], str] = self._sign
        self.issuer = ""
        self.named_issuer: str | None = None
        self._codes: dict[str, dict[str, str]] = {}

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def authorise(self, address: str) -> dict[str, str]:
        """What a browser brings back from the authorisation endpoint, after somebody has signed in there."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        asked = dict(parse_qsl(parts.query))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"]}

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """While this lasts it answers at `issuer`."""
        routes = [
            Route("/.well-known/openid-configuration", self._metadata),
            Route("/keys", self._keys),
            Route("/token", self._token, methods=["POST"]),
        ]
        server, stop = HttpServer(Starlette(routes=routes), "127.0.0.1", 0), asyncio.Event()
        self.issuer = f"http://127.0.0.1:{server.port}"
        running = asyncio.create_task(server.run(stop))
        try:
            yield
        finally:
            stop.set()
            await running

    async def _metadata(self, _request: Request) -> JSONResponse:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        told = {name: f"{self.issuer}/{path}" for name, path in places.items()}
        return JSONResponse({"issuer": self.named_issuer or self.issuer, **told})

    async def _keys(self, _request: Request) -> JSONResponse:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _token(self, request: Request) -> JSONResponse:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self._codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        wanted = base64.b64encode(b"todoke:a%20secret%3A%20with%20%25").decode()
        good = (
            asked is not None
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and challenge == asked["code_challenge"]
            and request.headers["authorization"] == f"Basic {wanted}"
        )
        if not good or asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "nonce": asked["nonce"], **times, **self.claims}
        self.spoil(claims)
        return JSONResponse({"access_token": "at", "token_type": "Bearer", "id_token": self.sign(claims)})
