"""RFC 3464 bodies as they are met."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_handler.parsing import delivery_status
from bounce_handler.parsing.findings import Finding
from core.reports import Action


def one(*fields: str) -> Finding:
    found = delivery_status.read("Reporting-MTA: dns; a.example\n\n" + "\n".join(fields))
    assert len(found) == 1
    return found[0]


RECIPIENT = "Final-Recipient: rfc822; soumu@example.jp"


@pytest.mark.parametrize(
    ("value", "action"),
    [
        ("failed", Action.FAILED),
        ("Failed", Action.FAILED),
        ("failure", Action.FAILED),
        ("expired", Action.FAILED),
        ("failed (bad address)", Action.FAILED),
        ("delayed", Action.DELAYED),
        ("delivered", Action.DELIVERED),
        ("relayed (to non-DSN-aware mailer)", Action.RELAYED),
        ("expanded", Action.EXPANDED),
    ],
)
def test_actions(value: str, action: Action) -> None:
    assert one(RECIPIENT, f"Action: {value}", "Status: 5.0.0").action is action


@pytest.mark.parametrize(
    ("status", "action"), [("5.1.1", Action.FAILED), ("4.4.1", None), ("2.1.5", Action.DELIVERED), ("", None)]
)
def test_without_an_action_the_class_of_the_status_tells_it(status: str, action: Action | None) -> None:
    assert one(RECIPIENT, f"Status: {status}").action is action


def test_a_general_status_gives_way_to_the_one_in_the_reply() -> None:
    found = one(RECIPIENT, "Action: failed", "Status: 5.0.0 (failed)", "Diagnostic-Code: smtp; 550 5.2.2 full")
    assert (found.status, found.smtp_code) == ("5.2.2", 550)


def test_the_type_of_a_program_s_reply_is_kept() -> None:
    assert one(RECIPIENT, "Diagnostic-Code: x-unix; exited 75").diagnostic == "x-unix; exited 75"
    assert one(RECIPIENT, "Diagnostic-Code: smtp; 550 no").diagnostic == "550 no"


def test_the_address_the_sender_used_goes_before_where_it_was_forwarded() -> None:
    found = one("Final-Recipient: rfc822; there@example.net", "Original-Recipient: rfc822;soumu@example.jp")
    assert found.address == "soumu@example.jp"


def test_an_unreadable_original_recipient_is_passed_over() -> None:
    assert one("Original-Recipient: rfc822;", RECIPIENT).address == "soumu@example.jp"


FIELDS = ("Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 User unknown")


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_blank_line_inside_a_recipient_s_group_parts_nothing(cut: int) -> None:
    found = one(RECIPIENT, *FIELDS[:cut], "", *FIELDS[cut:])
    assert (found.action, found.status, found.smtp_code) == (Action.FAILED, "5.1.1", 550)


def test_blank_lines_between_all_fields_part_nothing() -> None:
    found = one("\n \n".join((RECIPIENT, *FIELDS)), "", "Final-Log-ID: x")
    assert (found.action, found.status, found.smtp_code) == (Action.FAILED, "5.1.1", 550)


def test_what_is_said_of_one_recipient_is_not_said_of_another() -> None:
    groups = (
        RECIPIENT,
        "",
        *FIELDS,
        "",
        "Final-Recipient: rfc822; b@example.jp",
        "",
        "Action: delayed",
        "Status: 4.4.1",
    )
    found = delivery_status.read("\n".join(groups))
    assert [(each.address, each.action) for each in found] == [
        ("soumu@example.jp", Action.FAILED),
        ("b@example.jp", Action.DELAYED),
    ]


def test_fields_of_the_message_are_no_recipient_s() -> None:
    assert one(RECIPIENT, "Action: failed", "Status: 5.1.1", "", "Reporting-MTA: dns; b.example").host == ""


@pytest.mark.parametrize("order", [("delayed", "failed"), ("failed", "delayed"), ("delivered", "failed")])
def test_of_one_recipient_the_gravest_counts(order: tuple[str, str]) -> None:
    groups = [
        f"Final-Recipient: rfc822; {name}@example.jp\nAction: {action}"
        for name, action in zip("aA", order, strict=True)
    ]
    (found,) = delivery_status.read("\n\n".join(groups))
    assert found.action is Action.FAILED


ACTIONS = ("delivered", "delayed", "failed", "relayed")
UNNAMED = (
    *("LOCAL;<soumu>", "rfc822; soumu", "rfc822; @mx.example.org", "rfc822; <redacted>", "rfc822;"),
    *("x-notes; CN=soumu/O=hospital", "X400; c=jp; a= ; p=ex; s=soumu"),
)


@pytest.mark.parametrize("name", UNNAMED)
@pytest.mark.parametrize("action", ["failed", "delayed", "delivered", "relayed", "expanded"])
def test_what_is_said_of_a_recipient_without_an_address_is_kept(name: str, action: str) -> None:
    found = one(f"Final-Recipient: {name}", f"Action: {action}", "Status: 4.2.2", "Diagnostic-Code: smtp; 452 full")
    assert (found.address, found.action, found.status, found.smtp_code) == ("", Action(action), "4.2.2", 452)


def test_of_recipients_without_an_address_the_gravest_counts() -> None:
    groups = [f"Final-Recipient: {name}\nAction: {action}" for name, action in zip(UNNAMED, ACTIONS, strict=False)]
    assert one("\n\n".join(groups)).action is Action.FAILED


def test_a_recipient_with_an_address_goes_before_those_without() -> None:
    found = one("Final-Recipient: LOCAL;<jimu>", "Action: failed", "", RECIPIENT, "Action: delivered")
    assert (found.address, found.action) == ("soumu@example.jp", Action.DELIVERED)


def test_fields_without_a_recipient_are_of_the_message() -> None:
    found = one("Action: failed", "Status: 5.1.1")
    assert (found.address, found.action, found.status) == ("", Action.FAILED, "5.1.1")


def test_a_body_that_says_nothing_of_delivery_has_no_recipient() -> None:
    assert delivery_status.read("Reporting-MTA: dns; a.example\n\nFinal-Recipient: LOCAL;<soumu>\n") == []


@pytest.mark.parametrize(
    ("status", "words", "diagnostic"),
    [
        ("5.1.1", "user unknown", "user unknown"),
        ("5.1.1", 'unknown user: "soumu"', 'unknown user: "soumu"'),
        ("5.2.2", "mailbox is over its limit", "mailbox is over its limit"),
        ("5.3.0", "No such user", "No such user"),
        ("5.3.0", "cannot write", "x-unix; cannot write"),
        ("4.3.0", "temporary failure", "x-unix; temporary failure"),
    ],
)
def test_a_program_s_word_on_the_mailbox_is_no_trouble_of_the_program(status: str, words: str, diagnostic: str) -> None:
    assert one(RECIPIENT, f"Status: {status}", f"Diagnostic-Code: x-unix; {words}").diagnostic == diagnostic


def test_the_number_of_recipients_is_bounded() -> None:
    text = "".join(f"Final-Recipient: rfc822; a{n}@example.jp\nAction: failed\n\n" for n in range(3000))
    assert len(delivery_status.read(text)) == delivery_status.MAX_RECIPIENTS


LOCAL = st.text(string.ascii_letters + string.digits + "._-+", min_size=1, max_size=20)
GROUPS = st.lists(
    st.tuples(LOCAL, st.sampled_from(["failed", "delayed", "relayed"]), st.sampled_from(["5.1.1", "4.2.2", "2.0.0"])),
    min_size=1,
    max_size=10,
    unique_by=lambda group: group[0].lower(),
)


@given(GROUPS, st.booleans(), st.booleans())
def test_every_group_is_read(groups: list[tuple[str, str, str]], blank: bool, status_first: bool) -> None:
    end = "\n\n" if blank else "\n"
    lines = []
    for local, action, status in groups:
        rest = [f"Action: {action}", f"Status: {status}"]
        fields = [f"Final-Recipient: rfc822; x{local}x@example.jp", *(rest[::-1] if status_first else rest)]
        lines.append("\n".join(fields))
    found = delivery_status.read("Reporting-MTA: dns; a.example\n\n" + end.join(lines))
    got = [(finding.address, finding.action, finding.status) for finding in found]
    assert got == [(f"x{local}x@example.jp", Action(action), status) for local, action, status in groups]
