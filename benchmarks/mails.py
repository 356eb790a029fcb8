"""The mails of the drains: what ours weigh, and the same text as a Django template for the peer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.problems import Failed
from core.kinds import Kind
from core.mail import MailContent, MailContext
from mailer.compose import Envelope, compose
from templates.catalog import Catalog

_PLACEHOLDERS = ("family_name", "given_name", "institution_name", "code")
_MESSAGE_ID = f"<{'a' * 26}.{'b' * 24}@g-mis.net>"

_SENTENCES = """ユーザ登録申請を受け付けました。
申請の内容を確認のうえ、結果を電子メールでお知らせいたします。
確認には、１週間から２週間ほどお時間をいただく場合があります。
ご登録の電子メールアドレスは、次のご連絡が届くまで変更なさらないでください。
本メールに返信いただいても、お答えできない場合があります。
お問い合わせは、都道府県窓口までお願いいたします。
お心当たりのない場合は、お手数ですが本メールを破棄してください。
"""
_TO_TEXT = "{% for line in to %}\n{{ line }}\n{% endfor %}\n\n"
_TO_HTML = "<p>\n{% for line in to %}\n{{ line }}<br>\n{% endfor %}\n</p>\n"
_HEAD = (
    '<!DOCTYPE html>\n<html lang="ja">\n<head>\n<meta charset="utf-8">\n<title>{{ subject }}</title>\n</head>\n<body>\n'
)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of the drains: a kind, and the folder of changed templates that it is written with, if any."""

    name: str
    kind: Kind
    config_dir: Path | None = None

    def catalog(self) -> Catalog:
        """The templates that this mail is rendered with."""
        return Catalog.load(None if self.config_dir is None else self.config_dir / "templates")

    def sample(self) -> MailContext:
        """The kind's sample."""
        return self.catalog().sample(self.kind)


def octets(mail: Mail) -> int:
    """What the mail weighs on the wire."""
    sample = mail.sample()
    envelope = Envelope(
        kind=mail.kind,
        sender_address="info@g-mis.net",
        recipient=sample.recipient.email,
        reply_to=sample.secretariat.email,
        message_id_header=_MESSAGE_ID,
        date=datetime(2027, 1, 12, tzinfo=UTC),
    )
    return len(compose(mail.catalog().render(sample), envelope))


def as_django_template(mail: Mail) -> MailContent:
    """The mail with Django's placeholders for what differs from one recipient to the next. Raises Failed."""
    sample = mail.sample()
    names = {name: f"{{{{{name}}}}}" for name in _PLACEHOLDERS}
    recipient = replace(sample.recipient, family_name=names["family_name"], given_name=names["given_name"])
    institution = sample.institution and replace(sample.institution, name=names["institution_name"])
    data = dict(sample.data) | ({"code": names["code"]} if mail.kind is Kind.CODE else {})
    content = mail.catalog().render(replace(sample, recipient=recipient, institution=institution, data=data))
    wanted = ("code",) if mail.kind is Kind.CODE else ("family_name", "institution_name")
    for name in wanted:
        if names[name] not in content.text or names[name] not in content.html:
            raise Failed(f"the {mail.name} mail cannot be turned into a Django template: {name} was taken apart")
    return content


def short_templates(folder: Path) -> Path:
    """A configuration folder in which `application-complete` is a short mail without any style."""
    home = folder / "short-templates" / "templates" / Kind.APPLICATION_COMPLETE
    home.mkdir(parents=True)
    paragraphs = "".join(f"<p>{line}</p>\n" for line in _SENTENCES.splitlines())
    (home / "body.txt").write_text(_TO_TEXT + _SENTENCES, "utf-8")
    (home / "body.html").write_text(f"{_HEAD}{_TO_HTML}{paragraphs}</body>\n</html>\n", "utf-8")
    return home.parents[1]
