"""OpenID Connect (Core 1.0, code flow with PKCE): offices that have accounts of their own sign in by them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core.claims import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from core.errors import TodokeError

_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_SCOPE = "openid profile email"
_LEEWAY_SECONDS = 60
_TIMEOUT_SECONDS = 10.0
_KEPT_SECONDS = 3600.0


class OidcFailed(TodokeError):
    """Somebody could not be let in by way of the issuer; `why` is one word of ours.

    `subject` is for whom the issuer has vouched, None where that did not come about.
    """

    def __init__(self, why: str, subject: str | None = None) -> None:
        self.why = why
        self.subject = subject
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Provider:
    """Who vouches, and as whom we ask. `redirect_uri` is where browsers come back to."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in under way; the browser keeps it in a cookie until it comes back."""

    state: str
    nonce: str
    verifier: str
    next: str

    @classmethod
    def begun(cls, wanted: str) -> Flow:
        """A new one."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), wanted)


class OidcClient:
    """Asks one issuer. What it publishes of itself is kept for an hour, its keys until an unknown one is met, too.

    `time` gives seconds of any steady clock.
    """

    def __init__(self, provider: Provider, time: Callable[[], float] = time.monotonic) -> None:
        self.provider = provider
        self._time = time
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def address(self, flow: Flow) -> str:
        """Where to lead the browser. Raises OidcFailed."""
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.provider.redirect_uri,
            "scope": _SCOPE,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": create_s256_code_challenge(flow.verifier),
            "code_challenge_method": "S256",
        }
        endpoint = str((await self._published())["authorization_endpoint"])
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def claims(self, flow: Flow, code: str) -> Mapping[str, Any]:
        """What the issuer says of who came back with this code. Raises OidcFailed."""
        metadata = await self._published()
        answer = await self._token(str(metadata["token_endpoint"]), flow, code)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise OidcFailed("no-id-token")
        header, claims = await self._verified(token, str(metadata["jwks_uri"]))
        return self._checked(header, claims, flow, str(answer.get("access_token", "")))

    def _checked(
        self, header: Mapping[str, Any], claims: Mapping[str, Any], flow: Flow, access_token: str
    ) -> Mapping[str, Any]:
        """Section 3.1.3.7: issuer, audience, authorised party, times, nonce, and the access token's hash."""
        options = {"iss": {"values": [self.provider.issuer]}, "aud": {"values": [self.provider.client_id]}}
        params = {"nonce": flow.nonce, "client_id": self.provider.client_id, "access_token": access_token}
        token = CodeIDToken(dict(claims), dict(header), options, params)
        try:
            token.validate(now=int(time.time()), leeway=_LEEWAY_SECONDS)
        except Exception as error:
            raise OidcFailed(f"claims-{getattr(error, 'error', 'invalid')}".replace("_", "-")) from None
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise OidcFailed("claims-sub")
        return claims

    async def _verified(self, token: str, jwks_uri: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The header and the claims of a token that one of the issuer's keys has signed; keys change now and then."""
        for fresh in (False, True):
            if fresh or self._keys is None or self._is_old(self._keys[0]):
                self._keys = (self._time(), await self._fetch_keys(jwks_uri))
            try:
                decoded = jwt.decode(token, self._keys[1], algorithms=_ALGORITHMS)
            except (JoseError, ValueError):
                continue
            return decoded.header, decoded.claims
        raise OidcFailed("bad-signature")

    async def _fetch_keys(self, jwks_uri: str) -> KeySet:
        try:
            found: Any = await self._json("GET", jwks_uri)
            return KeySet.import_key_set(found)
        except (JoseError, ValueError, KeyError, TypeError):
            raise OidcFailed("bad-keys") from None

    async def _token(self, endpoint: str, flow: Flow, code: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.provider.redirect_uri,
            "code_verifier": flow.verifier,
        }
        # RFC 6749, section 2.3.1: both are form-encoded before they become user name and password.
        credentials = (quote(self.provider.client_id, safe=""), quote(self.provider.client_secret, safe=""))
        return await self._json("POST", endpoint, data=form, auth=credentials)

    async def _published(self) -> Mapping[str, Any]:
        """The issuer's metadata (Discovery 1.0), which has to name itself as we know it."""
        if self._metadata is None or self._is_old(self._metadata[0]):
            found = await self._json("GET", get_well_known_url(self.provider.issuer, external=True))
            needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if found.get("issuer") != self.provider.issuer or not all(
                isinstance(found.get(key), str) for key in needed
            ):
                raise OidcFailed("bad-metadata")
            self._metadata = (self._time(), found)
        return self._metadata[1]

    def _is_old(self, fetched_at: float) -> bool:
        return self._time() - fetched_at >= _KEPT_SECONDS

    async def _json(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
                answer = await client.request(method, url, headers={"Accept": "application/json"}, **more)
            found = answer.json() if answer.status_code == 200 else None
        except (httpx2.HTTPError, ValueError):
            raise OidcFailed("issuer-unreachable") from None
        if not isinstance(found, Mapping):
            raise OidcFailed("issuer-refused")
        return found


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Who has this value among those of this claim has this role."""

    claim: str
    value: str
    role: str
    prefecture: str | None = None


def rule_for(rules: Sequence[RoleRule], claims: Mapping[str, Any]) -> RoleRule | None:
    """The first rule that applies; None where no role is meant for somebody."""
    return next((rule for rule in rules if rule.value in _values(claims.get(rule.claim))), None)


def _values(claim: Any) -> Sequence[Any]:
    return claim if isinstance(claim, list) else [claim]
