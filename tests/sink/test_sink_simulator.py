"""The grammar of simulator addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kinds import Kind
from sink import replies
from sink.simulator import HELP, Misuse, Rule, Simulation, read_address, simulation_of


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("bounce-5.1.1+x@example.jp", Simulation(Rule.BOUNCE, status="5.1.1")),
        ("bounce-4.2.2+a+b+3@example.jp", Simulation(Rule.BOUNCE, status="4.2.2")),
        ("bounce-5.7.999+@example.jp", Simulation(Rule.BOUNCE, status="5.7.999")),
        ("BOUNCE-5.1.10+X@Example.JP", Simulation(Rule.BOUNCE, status="5.1.10")),
        ("reject-550+x@example.jp", Simulation(Rule.REJECT, code=550)),
        ("reject-550-5.1.1+x@example.jp", Simulation(Rule.REJECT, code=550, status="5.1.1")),
        ("reject-421-4.3.2+x@example.jp", Simulation(Rule.REJECT, code=421, status="4.3.2")),
        ("reject-data-554+x@example.jp", Simulation(Rule.REJECT_DATA, code=554)),
        ("reject-data-554-5.7.1+x@example.jp", Simulation(Rule.REJECT_DATA, code=554, status="5.7.1")),
        ("defer-0+x@example.jp", Simulation(Rule.DEFER, tries=0)),
        ("defer-12+99@example.jp", Simulation(Rule.DEFER, tries=12)),
        ("full+x@example.jp", Simulation(Rule.FULL)),
        ("slow-2+x@example.jp", Simulation(Rule.SLOW, seconds=2.0)),
        ("slow-0.25+x@example.jp", Simulation(Rule.SLOW, seconds=0.25)),
        ("drop+x@example.jp", Simulation(Rule.DROP)),
        ("delay+x@example.jp", Simulation(Rule.DELAY)),
        ("vacation+x@example.jp", Simulation(Rule.VACATION)),
        ("complaint+x@example.jp", Simulation(Rule.COMPLAINT)),
        ("guide.bounce-5.1.1+x@example.jp", Simulation(Rule.BOUNCE, kind=Kind.GUIDE, status="5.1.1")),
        ("pre-check.defer-2+x@example.jp", Simulation(Rule.DEFER, kind=Kind.PRE_CHECK, tries=2)),
    ],
)
def test_reads_the_effect(address: str, expected: Simulation) -> None:
    assert read_address(address) == expected


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("kind", list(Kind))
def test_every_rule_takes_every_kind_as_prefix(rule: Rule, kind: Kind) -> None:
    examples = {entry.example for entry in HELP}
    example = next(example for example in examples if example.split("+")[0].rstrip("-.0123456789") == rule)
    found = simulation_of(f"{kind}.{example}")
    assert found is not None
    assert (found.rule, found.kind) == (rule, kind)


@pytest.mark.parametrize(
    "address",
    [
        "bounce-9.1.1+x@example.jp",
        "bounce-2.1.1+x@example.jp",
        "bounce-5.1+x@example.jp",
        "bounce-5.1.1.1+x@example.jp",
        "bounce-5.01.1+x@example.jp",
        "bounce+x@example.jp",
        "reject-999+x@example.jp",
        "reject-250+x@example.jp",
        "reject-550-9.9.9+x@example.jp",
        "reject-data+x@example.jp",
        "defer-+x@example.jp",
        "defer-99999999+x@example.jp",
        "slow--1+x@example.jp",
        "slow-4000+x@example.jp",
        "slow-²+x@example.jp",
        "full-1+x@example.jp",
        "nonsense.full+x@example.jp",
        "full@example.jp",
        "guide.bounce-5.1.1@example.jp",
    ],
)
def test_a_near_miss_is_an_ordinary_address_with_a_hint(address: str) -> None:
    found = read_address(address)
    assert isinstance(found, Misuse)
    assert found.problem
    assert simulation_of(address) is None


@pytest.mark.parametrize(
    "address",
    ["soumu@example.jp", "bounces@example.jp", "fully+x@example.jp", "drop-in@example.jp", "x.y.full+z@example.jp", ""],
)
def test_ordinary_addresses_are_left_alone(address: str) -> None:
    assert read_address(address) is None


@given(st.text(max_size=40))
def test_any_text_is_read_without_failing(text: str) -> None:
    read_address(f"{text}@example.jp")


@given(st.sampled_from("45"), st.integers(0, 999), st.integers(0, 999), st.text("abc+-.0123456789", max_size=12))
def test_every_enhanced_status_code_of_class_4_and_5_bounces(first: str, second: int, third: int, rest: str) -> None:
    status = f"{first}.{second}.{third}"
    assert simulation_of(f"bounce-{status}+{rest}@x.jp") == Simulation(Rule.BOUNCE, status=status)
    diagnosis = replies.diagnosis(status)
    assert str(diagnosis).startswith(f"{first}")
    assert diagnosis.text


def test_kind_limits_apply_to_that_kind_only() -> None:
    limited = simulation_of("guide.full+x@example.jp")
    assert limited is not None
    assert [limited.applies_to(kind) for kind in ("guide", "GUIDE", "code", None)] == [True, True, False, False]
    unlimited = simulation_of("full+x@example.jp")
    assert unlimited is not None
    assert unlimited.applies_to(None)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (replies.rejection(550, None), "550 Mailbox unavailable: no such user here"),
        (replies.rejection(550, "5.1.1"), "550 5.1.1 User unknown: no mailbox of that name here"),
        (replies.rejection(477, None), "477 Temporary failure, try again later"),
        (replies.rejection(599, "5.9.9"), "599 5.9.9 Delivery failed"),
        (replies.diagnosis("4.2.2"), "452 4.2.2 The mailbox is full: over quota"),
        (
            replies.diagnosis("5.7.26"),
            "550 5.7.26 The message failed several authentication checks: SPF, DKIM and DMARC",
        ),
    ],
)
def test_replies_say_what_their_codes_mean(reply: replies.Reply, expected: str) -> None:
    assert str(reply) == expected
