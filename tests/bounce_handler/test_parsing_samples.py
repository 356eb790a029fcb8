"""Every sample of data/: what each mail system says, and what we make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bounce_handler.parsing import parse
from core.reports import Action, BounceClass, Reason, ReportType

DATA = Path(__file__).parent / "data"
OURS = "20261121.0001@g-mis.example"

BOUNCE, DELAY, SUCCESS = ReportType.BOUNCE, ReportType.DELAY, ReportType.SUCCESS
FAILED, DELAYED = Action.FAILED, Action.DELAYED

# sample: (recipient, action, status, smtp_code, reason)
Expected = tuple[str, Action, str | None, int | None, Reason]

BOUNCES: dict[str, list[Expected]] = {
    # RFC 3464, RFC 6533
    "dsn-mixed-actions": [
        ("soumu@a.example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN),
        ("jimu@b.example.jp", DELAYED, "4.2.2", 452, Reason.MAILBOXFULL),
        ("info@c.example.jp", FAILED, "5.7.1", 554, Reason.BLOCKED),
    ],
    "dsn-expired-is-failed": [("soumu@example.jp", FAILED, "4.4.1", None, Reason.EXPIRED)],
    "dsn-global": [("利用@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "dsn-without-blank-lines": [
        ("a@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN),
        ("b@example.jp", FAILED, "5.2.2", 552, Reason.MAILBOXFULL),
    ],
    "dsn-spaces-before-colon": [("soumu@example.jp", FAILED, "5.7.54", 550, Reason.NORELAYING)],
    "dsn-original-recipient": [("soumu@example.jp", FAILED, "5.2.2", 552, Reason.MAILBOXFULL)],
    "dsn-nested": [("outer@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "dsn-quoted-printable": [("soumu@example.jp", FAILED, "5.2.2", None, Reason.MAILBOXFULL)],
    # encodings and line ends
    "mfilter-base64": [("soumu@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "qmail-crlf": [("soumu@example.jp", FAILED, "5.7.17", 550, Reason.USERUNKNOWN)],
    "qmail-cr": [("soumu@example.jp", FAILED, "5.7.17", 550, Reason.USERUNKNOWN)],
    "domino-shift-jis": [("soumu@example.jp", FAILED, "5.1.1", None, Reason.USERUNKNOWN)],
    "au-euc-labelled-jis": [("soumu@ezweb.ne.jp", FAILED, None, 550, Reason.USERUNKNOWN)],
    # carriers: the stage decides
    "au-timeout": [("soumu@ezweb.ne.jp", FAILED, None, None, Reason.EXPIRED)],
    "au-rcpt": [("soumu@au.com", FAILED, "5.0.0", 550, Reason.USERUNKNOWN)],
    "au-data": [("soumu@ezweb.ne.jp", FAILED, "5.0.0", 550, Reason.FILTERED)],
    "docomo-rcpt": [("abc..def@docomo.ne.jp", FAILED, "5.0.0", 550, Reason.USERUNKNOWN)],
    "docomo-data": [("soumu@docomo.ne.jp", FAILED, "5.0.0", 550, Reason.FILTERED)],
    "docomo-full": [("soumu@docomo.ne.jp", FAILED, "5.0.0", 552, Reason.MAILBOXFULL)],
    "docomo-line-too-long": [("soumu@docomo.ne.jp", FAILED, "5.0.0", 500, Reason.EMAILTOOLARGE)],
    "sendmail-at-data": [("soumu@docomo.ne.jp", FAILED, "5.2.0", 550, Reason.FILTERED)],
    "sendmail-pipelined": [("soumu@plala.example", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "softbank-rcpt": [("soumu@i.softbank.jp", FAILED, "5.0.0", 550, Reason.USERUNKNOWN)],
    "softbank-sender": [("soumu@softbank.ne.jp", FAILED, "5.0.0", 553, Reason.REJECTED)],
    "kddi-full": [("soumu@auone-net.example", FAILED, None, None, Reason.MAILBOXFULL)],
    # providers and gateways in Japan
    "yahoo-jp-unknown": [("soumu@yahoo.co.jp", FAILED, "5.0.0", 554, Reason.USERUNKNOWN)],
    "rakuten-rcpt": [("soumu@rakuten.example", FAILED, "5.0.0", 550, Reason.USERUNKNOWN)],
    "kagoya-quota": [("soumu@kagoya.example", FAILED, "5.2.2", None, Reason.MAILBOXFULL)],
    "eo-full": [("soumu@eonet.example", FAILED, "5.2.2", 552, Reason.MAILBOXFULL)],
    "sakura-host-unknown": [("soumu@hosp.example.jp", FAILED, "5.1.2", 550, Reason.HOSTUNKNOWN)],
    "ocn-postfix-preface": [("soumu@hosp.example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "intermail-dti": [("soumu@hosp.example.jp", FAILED, None, None, Reason.USERUNKNOWN)],
    "hennge": [("soumu@example.jp", FAILED, None, None, Reason.USERUNKNOWN)],
    "active-hunter": [("soumu@example.ed.jp", FAILED, "5.2.2", 552, Reason.MAILBOXFULL)],
    "interscan": [("soumu@city.example.lg.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "lgwan-mailmarshal": [("soumu@city.example.lg.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "notes-japanese": [("soumu@n.example.co.jp", FAILED, None, None, Reason.USERUNKNOWN)],
    "fml-not-member": [("hospital-ml@ml.example.ac.jp", FAILED, None, None, Reason.REJECTED)],
    # Microsoft, Google, Amazon
    "m365-japanese": [("soumu@hosp.example.jp", FAILED, "5.1.10", 550, Reason.USERUNKNOWN)],
    "m365-edge-blocking": [("soumu@hosp.example.jp", FAILED, "5.4.1", 550, Reason.USERUNKNOWN)],
    "m365-dmarc": [("soumu@outlook.example", FAILED, "5.7.515", 550, Reason.AUTHFAILURE)],
    "m365-text-only": [("soumu@ex.example.jp", FAILED, None, None, Reason.USERUNKNOWN)],
    "gmail-japanese": [("soumu@gmail.example", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "gmail-full": [("soumu@gmail.com", FAILED, "4.2.2", 452, Reason.MAILBOXFULL)],
    "gmail-old": [("soumu@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "ses-bounce": [("soumu@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "ses-suppressed": [("soumu@example.jp", FAILED, "5.1.1", None, Reason.SUPPRESSED)],
    # Exim, Sendmail, and the rest of the world in words
    "exim-several": [
        ("a@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN),
        ("b@example.jp", FAILED, None, None, Reason.EXPIRED),
        ("c@example.jp", FAILED, None, None, Reason.HOSTUNKNOWN),
    ],
    "exim-pipe": [("soumu@example.jp", FAILED, None, None, Reason.MAILERERROR)],
    "exim-hidden": [("soumu@example.jp", FAILED, None, None, Reason.MAILBOXFULL)],
    "sendmail-text-full": [("soumu@pref.example.jp", FAILED, "5.2.2", 552, Reason.MAILBOXFULL)],
    "sendmail-v5": [("soumu@example.org", FAILED, None, 550, Reason.USERUNKNOWN)],
    "courier": [("soumu@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "opensmtpd": [("soumu@example.jp", FAILED, "5.2.2", 550, Reason.MAILBOXFULL)],
    "dragonfly": [("soumu@example.jp", FAILED, "5.7.1", 554, Reason.SPAMDETECTED)],
    "groupwise": [("soumu@gw.example.ac.jp", FAILED, None, None, Reason.USERUNKNOWN)],
    "groupwise-several": [
        ("soumu@gw.example.ac.jp", FAILED, None, None, Reason.USERUNKNOWN),
        ("jimu@other.example.ac.jp", FAILED, None, None, Reason.MAILBOXFULL),
    ],
    "yale-hub": [("soumu.tanaka@hub.example.ac.jp", FAILED, None, None, Reason.USERUNKNOWN)],
    "japanese-sentence": [("soumu@city.example.lg.jp", FAILED, None, None, Reason.USERUNKNOWN)],
    "japanese-brackets": [("soumu@city.example.lg.jp", FAILED, None, None, Reason.MAILBOXFULL)],
    "imail": [
        ("soumu@example.jp", FAILED, None, None, Reason.MAILBOXFULL),
        ("jimu@example.jp", FAILED, None, None, Reason.USERUNKNOWN),
    ],
    "james": [("soumu@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "hmailserver": [("soumu@example.jp", FAILED, None, 550, Reason.USERUNKNOWN)],
    "communigate": [("soumu@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "mdaemon": [("soumu@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "zoho": [("soumu@example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "mimecast": [("soumu@example.jp", FAILED, "4.4.4", None, Reason.SYSTEMERROR)],
    "german": [("soumu@example.de", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "original-truncated": [("soumu@example.jp", FAILED, "5.1.1", None, Reason.USERUNKNOWN)],
    "interscan-reversed": [("soumu@city.example.lg.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "fml-too-big": [("hospital-ml@ml.example.ac.jp", FAILED, None, None, Reason.EMAILTOOLARGE)],
    "postfix-postmaster-notice": [
        ("gone@hosp.example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN),
        ("soumu@hosp.example.jp", FAILED, "4.3.0", 451, Reason.SYSTEMERROR),
    ],
    # reports that others pass on
    "forwarded-report": [("soumu@hosp.example.jp", FAILED, "5.1.1", 550, Reason.USERUNKNOWN)],
    "bare-wrapper": [("soumu@hosp.example.jp", FAILED, "5.1.1", None, Reason.USERUNKNOWN)],
    "sieve-reject": [("soumu@example.jp", FAILED, None, None, Reason.MAILBOXFULL)],
}
DELAYS: dict[str, list[Expected]] = {
    "dsn-delayed": [("soumu@example.jp", DELAYED, "4.4.1", None, Reason.EXPIRED)],
    "sakura-warning": [("soumu@hosp.example.jp", DELAYED, "4.4.3", 451, Reason.EXPIRED)],
    "exim-delay": [("soumu@example.jp", DELAYED, None, None, Reason.EXPIRED)],
}
SUCCESSES: dict[str, list[Expected]] = {
    f"dsn-{action}": [("soumu@example.jp", action, "2.0.0", None, Reason.DELIVERED)]
    for action in (Action.DELIVERED, Action.RELAYED, Action.EXPANDED)
}
OTHERS = {
    "receipt": (ReportType.AUTO_REPLY, ["soumu@example.jp"]),
    "vacation-japanese": (ReportType.AUTO_REPLY, ["soumu@hosp.example.jp"]),
    "vacation-old": (ReportType.AUTO_REPLY, ["soumu@hosp.example.jp"]),
    "challenge": (ReportType.AUTO_REPLY, ["verify@spamarrest.example"]),
    "complaint-abuse": (ReportType.COMPLAINT, ["soumu@example.jp"]),
    "complaint-hidden": (ReportType.COMPLAINT, ["soumu@example.jp"]),
    "feedback-auth-failure": (ReportType.OTHER, []),
    "feedback-not-spam": (ReportType.OTHER, []),
    "person-quoting": (ReportType.OTHER, []),
    "dmarc-aggregate": (ReportType.OTHER, []),
    "newsletter": (ReportType.OTHER, []),
    "registration-notice": (ReportType.OTHER, []),
}
FAILURES = [
    (name, kind, expected)
    for kind, samples in ((BOUNCE, BOUNCES), (DELAY, DELAYS), (SUCCESS, SUCCESSES))
    for name, expected in samples.items()
]
HARD = {Reason.USERUNKNOWN, Reason.HOSTUNKNOWN}


def read(name: str) -> bytes:
    return (DATA / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(("name", "kind", "expected"), FAILURES, ids=[name for name, _, _ in FAILURES])
def test_a_report_gives_each_recipient_its_facts(name: str, kind: ReportType, expected: list[Expected]) -> None:
    report = parse(read(name))
    got = [(r.address, r.action, r.status, r.smtp_code, r.reason) for r in report.recipients]
    assert (report.type, got) == (kind, expected)


@pytest.mark.parametrize(("name", "kind", "expected"), FAILURES, ids=[name for name, _, _ in FAILURES])
def test_the_class_follows_from_the_reason(name: str, kind: ReportType, expected: list[Expected]) -> None:
    for recipient in parse(read(name)).recipients:
        wanted = BounceClass.HARD if recipient.reason in HARD else BounceClass.SOFT
        assert recipient.bounce_class is (None if kind is SUCCESS else wanted)


@pytest.mark.parametrize(("name", "expected"), OTHERS.items(), ids=list(OTHERS))
def test_what_is_no_failure_reports_none(name: str, expected: tuple[ReportType, list[str]]) -> None:
    report = parse(read(name))
    assert (report.type, [r.address for r in report.recipients]) == expected
    assert all(r.action is None and r.bounce_class is None for r in report.recipients)


RETURNS_OURS = sorted(
    path.stem for path in DATA.glob("*.eml") if OURS.encode() in path.read_bytes() and path.stem != "dsn-nested"
)


@pytest.mark.parametrize("name", [*RETURNS_OURS, "mfilter-base64"])
def test_the_message_id_of_what_is_returned_is_found(name: str) -> None:
    assert parse(read(name)).original_message_id == OURS


def test_the_outer_report_of_a_nested_bounce_returns_the_inner_one() -> None:
    assert parse(read("dsn-nested")).original_message_id == "b1@mta.example.jp"


def test_every_sample_has_its_row() -> None:
    rows = {name for name, _, _ in FAILURES} | set(OTHERS)
    assert rows == {path.stem for path in DATA.glob("*.eml")}
