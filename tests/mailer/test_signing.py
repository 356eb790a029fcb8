"""DKIM signatures, checked by a verifier that shares no code with the signer, through the sink."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from core.errors import ConfigurationError
from core.kinds import Kind
from core.mail import MailContent
from mailer.compose import Envelope, compose
from mailer.signing import Signer, read_signing_key
from mailer.transport import Accepted, Connection, RelaySettings
from tests.mailer.dkim_verifier import verify
from todoke.testing import TodokeSink

KEY = rsa.generate_private_key(65537, 2048)
CONTENT = MailContent.of("【G-MIS】アカウント登録のご案内（周南みなと病院）", "G-MIS事務局", "本文\n.\n", "<p>本文</p>")
ENVELOPE = Envelope(
    Kind.GUIDE,
    "info@g-mis.net",
    "a..b@docomo.ne.jp",
    "desk@example.jp",
    "<m@g-mis.net>",
    datetime(2026, 11, 24, tzinfo=UTC),
)


def written(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    path = folder / "dkim.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


async def test_the_sink_gets_what_was_signed(tmp_path: Path) -> None:
    mail = compose(CONTENT, ENVELOPE)
    signed = await Signer(read_signing_key("g-mis.net", "todoke2026", written(tmp_path, KEY))).signed(mail)
    assert signed.endswith(mail)
    with TodokeSink() as sink:
        connection = Connection(RelaySettings("127.0.0.1", sink.smtp_port))

        async def mark() -> None:
            pass

        outcome = await connection.send("r@bounces.example.jp", ENVELOPE.recipient, signed, mark)
        await connection.close()
        assert isinstance(outcome, Accepted)
        arrived = sink.messages()[0].raw
    assert arrived.endswith(signed)
    tags = verify(arrived, KEY.public_key())
    assert (tags["d"], tags["s"]) == ("g-mis.net", "todoke2026")
    named = set(tags["h"].lower().split(":"))
    assert {"from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type"} <= named
    assert tags["h"].lower().split(":").count("from") == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a..b@docomo", b"a.b@docomo"),
        (b"Message-ID: <m@", b"Message-ID: <n@"),
        (b"\r\n\r\n--=_", b"\r\n\r\nx\r\n--=_"),
    ],
)
def test_a_changed_mail_does_not_verify(tmp_path: Path, old: bytes, new: bytes) -> None:
    signed = Signer(read_signing_key("g-mis.net", "s", written(tmp_path, KEY))).sign(compose(CONTENT, ENVELOPE))
    verify(signed, KEY.public_key())
    assert old in signed
    with pytest.raises((InvalidSignature, AssertionError)):
        verify(signed.replace(old, new), KEY.public_key())


def test_a_second_from_does_not_verify(tmp_path: Path) -> None:
    signed = Signer(read_signing_key("g-mis.net", "s", written(tmp_path, KEY))).sign(compose(CONTENT, ENVELOPE))
    with pytest.raises(InvalidSignature):
        verify(b"From: <x@example.com>\r\n" + signed, KEY.public_key())


def test_what_is_wrong_with_a_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_signing_key("g-mis.net", "s", tmp_path / "missing.pem")
    with pytest.raises(ConfigurationError, match="RSA key of 1024 bits"):
        read_signing_key("g-mis.net", "s", written(tmp_path, ec.generate_private_key(ec.SECP256R1())))
    (tmp_path / "dkim.pem").write_text("-----BEGIN NONSENSE-----")
    with pytest.raises(ConfigurationError, match="no private key"):
        read_signing_key("g-mis.net", "s", tmp_path / "dkim.pem")
