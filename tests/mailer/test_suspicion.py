"""When mails that the relay did not take are its doing: how many in a row, over which domains."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from mailer.grounds import Ground
from mailer.outgoing import Outgoing
from mailer.suspicion import Doubted, Suspicion
from mailer.transaction import Lost, Refused, Stage

NUMBERS = itertools.count()


class Of(NamedTuple):
    """All that is asked of a message here."""

    id: str


def mail(provider: str) -> Outgoing:
    message = Of(f"m{next(NUMBERS)}")
    return Outgoing(message, "lease", b"", ("r@example.jp", f"a@{provider}"), provider, 0.0)  # type: ignore[arg-type]


def refused(stage: Stage = "data", text: str = "no") -> Refused:
    return Refused(550, text, stage)


def meet(suspicion: Suspicion, *providers: str, ground: Ground | None = Ground.STANDING) -> list[bool]:
    return [suspicion.see(mail(provider), refused(), ground) for provider in providers]


def test_the_sixth_domain_in_a_row_is_the_relays_and_so_is_each_after_it() -> None:
    suspicion = Suspicion()
    assert meet(suspicion, *"abcdefag") == [False] * 5 + [True] * 3
    assert suspicion.stands
    assert suspicion.only_a_mail_can_tell
    assert suspicion.doubted is None


def test_mails_to_few_domains_are_each_their_own() -> None:
    assert not any(meet(Suspicion(), *"abcde" * 20))


def test_final_refusals_and_refusals_for_now_do_not_add_up() -> None:
    suspicion = Suspicion()
    assert not any(meet(suspicion, *"abcde"))
    assert not any(meet(suspicion, *"fghij", ground=Ground.FOR_NOW))


def test_what_is_of_a_recipient_neither_counts_nor_clears() -> None:
    suspicion = Suspicion()
    assert not any(meet(suspicion, *map(str, range(100)), ground=None))
    meet(suspicion, *"abcde")
    meet(suspicion, *"xyz", ground=None)
    assert meet(suspicion, "f") == [True]
    assert meet(suspicion, "z", ground=None) == [False], "a dead mailbox is told so, whatever the relay's trouble"
    assert suspicion.stands


def test_one_that_is_accepted_ends_it() -> None:
    suspicion = Suspicion()
    meet(suspicion, *"abcdef")
    suspicion.accepted("g")
    assert not suspicion.stands
    assert not suspicion.refused
    assert meet(suspicion, *"abcdef") == [False] * 5 + [True], "what met the relay's trouble is not their own"


def test_a_domain_that_refuses_beside_others_that_accept_counts_no_more_until_it_accepts() -> None:
    suspicion = Suspicion()
    meet(suspicion, *"abcde", ground=Ground.FOR_NOW)
    suspicion.accepted("x")
    assert not any(meet(suspicion, *"abcde", *"12345", ground=Ground.FOR_NOW))
    suspicion.accepted("a")
    assert meet(suspicion, *"bcde12345a6789", ground=Ground.FOR_NOW) == [False] * 14
    assert meet(suspicion, "0", ground=Ground.FOR_NOW) == [True]


def test_of_the_session_are_different_mails_and_the_envelope_says_how_far_the_last_came() -> None:
    suspicion = Suspicion()
    assert [suspicion.see(mail("a"), refused("mail"), Ground.SESSION) for _ in range(6)] == [False] * 5 + [True]
    assert suspicion.doubted == Doubted("r@example.jp", None)
    assert not suspicion.only_a_mail_can_tell
    suspicion.see(mail("a"), refused("rcpt", "Relay access denied"), Ground.SESSION)
    assert suspicion.doubted == Doubted("r@example.jp", "a@a")
    suspicion.see(mail("a"), Lost("gone", "data", in_doubt=True), None)
    assert suspicion.doubted is None, "it came past the session"


def test_who_was_refused_last_is_known_for_a_round() -> None:
    suspicion = Suspicion()
    meet(suspicion, *map(str, range(40)), "39", "20")
    assert list(suspicion.refused) == [*map(str, range(21, 40)), "20"][-20:]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("accepted"), st.sampled_from("abcdefghijkl")),
            st.tuples(st.sampled_from([None, *Ground]), st.sampled_from("abcdefghijkl")),
        ),
        max_size=60,
    )
)
def test_never_with_fewer_than_six_domains_since_a_mail_was_taken(steps: list[tuple[object, str]]) -> None:
    suspicion = Suspicion()
    since: set[str] = set()
    for what, provider in steps:
        if what == "accepted":
            since.clear()
            suspicion.accepted(provider)
            assert not suspicion.stands
        else:
            assert what is None or isinstance(what, Ground)
            since.add(provider if what in (Ground.STANDING, Ground.FOR_NOW) else "")
            suspicion.see(mail(provider), refused(), what)
            assert not suspicion.only_a_mail_can_tell or len(since) > 5
