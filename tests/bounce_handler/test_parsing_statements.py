"""Sentences by which mail systems say that a mail failed or still waits, in many wordings and tongues."""

from __future__ import annotations

import pytest

from bounce_handler.parsing import parse
from core.reports import ParsedReport

OURS = "soumu@hospital.example.jp"


def read(headers: str, text: str) -> ParsedReport:
    return parse(f"To: r@bounces.example.jp\n{headers}\n\n{text}\n".encode())


def told(report: ParsedReport) -> tuple[str, list[str]]:
    return str(report.type), [one.address for one in report.recipients]


TYPED = "From: postmaster@gw.example.jp\nContent-Type: text/plain; charset=utf-8\n"
PLAIN_FAILURES = (
    ("受信拒否", f"{OURS} へのメールは、受信者側で拒否されました。"),
    ("メールについて", f"{OURS} 宛のメッセージは受信を拒否されました。"),
    ("送信不可", f"{OURS}\n該当するユーザがいません"),
    ("お知らせ", f"{OURS}\nエラー：宛先誤り"),
    ("お知らせ", f"以下の宛先にメールが到達しませんでした。\n{OURS}"),
    ("お知らせ", f"宛先に尋ね当たりません。 {OURS}"),
    ("お知らせ", f"{OURS} へのメール送信は中止されました。"),
    ("お知らせ", f"{OURS} 宛のメールを破棄しました。"),
    ("配達できないメール", f"{OURS}\n受取人不明"),
    ("Mail", f"Votre message à {OURS} n'a pas été remis."),
    ("Échec de remise", f"Destinataire :\n{OURS}"),
    ("Mail", f"Impossibile recapitare il messaggio a {OURS}"),
    ("Mail", f"A mensagem não pôde ser entregue a {OURS}"),
    ("Mail", f"No se puede entregar el mensaje a {OURS}"),
    ("Mail", f"Die Nachricht an {OURS} konnte nicht zugestellt werden."),
    ("Mail", f"Uw bericht aan {OURS} kon niet worden bezorgd."),
    ("Mail", f"Wiadomość do {OURS} nie została dostarczona."),
    ("Mail", f"Сообщение не может быть доставлено:\n{OURS}"),
    ("Mail", f"다음 수신자에게 메일을 전송하지 못했습니다.\n{OURS}"),
    ("Mail", f"您的郵件無法送達下列收件者：\n{OURS}"),
    ("Mail", f"您发送给 {OURS} 的邮件被退回"),
)
PLAIN_DELAYS = (
    f"Die Nachricht an {OURS} wurde noch nicht zugestellt. Es wird weiterhin versucht.",
    f"Le message à {OURS} n'a pas encore été remis.",
    f"El mensaje a {OURS} aún no se ha entregado.",
    f"邮件延迟：发往 {OURS} 的邮件尚未送达，将继续尝试。",
    f"{OURS}: temporary failure, next attempt at 13:00",
    f"{OURS}: the mail is held for later delivery",
    f"{OURS} へのメールは再送待ちです。",
)


@pytest.mark.parametrize(("subject", "text"), PLAIN_FAILURES)
def test_a_mail_system_says_in_many_tongues_that_a_mail_failed(subject: str, text: str) -> None:
    assert told(read(f"{TYPED}Subject: {subject}", text)) == ("bounce", [OURS])


@pytest.mark.parametrize("text", PLAIN_DELAYS)
def test_a_mail_system_says_in_many_tongues_that_it_still_tries(text: str) -> None:
    assert told(read(f"{TYPED}Subject: Mail", text)) == ("delay", [OURS])


@pytest.mark.parametrize(
    "text",
    [
        "迷惑メールを3件ブロックしました。",
        "受信したメールは、添付ファイルを破棄しました。",
        "メールが到達しなかった場合はご連絡ください。",
        "アドレスの誤りがないかご確認のうえ、名簿を返信してください。",
    ],
)
def test_a_mail_system_may_write_of_other_things(text: str) -> None:
    assert told(read(f"{TYPED}Subject: お知らせ", f"{text}\n{OURS}")) == ("other", [])
