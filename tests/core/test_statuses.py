"""The transition table: nothing leads out of 不達, and every status can come to an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TransitionRefused
from core.statuses import BOUNCEABLE, CANCELLABLE, FINAL, TRANSITIONS, Status, check, sources_of

STATUSES = st.sampled_from(list(Status))


def reachable(start: Status) -> set[Status]:
    found, todo = {start}, [start]
    while todo:
        for target in TRANSITIONS[todo.pop()] - found:
            found.add(target)
            todo.append(target)
    return found


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.parametrize("status", sorted(FINAL - {Status.SENT}))
def test_nothing_leads_out_of_a_final_status(status: Status) -> None:
    assert TRANSITIONS[status] == frozenset()


def test_a_late_bounce_is_all_that_happens_to_a_sent_mail() -> None:
    assert TRANSITIONS[Status.SENT] == {Status.UNDELIVERED}


def test_a_failure_report_moves_what_may_have_left() -> None:
    assert BOUNCEABLE == {Status.SCHEDULED, Status.SENDING, Status.DEFERRED, Status.IN_DOUBT, Status.SENT}


def test_only_what_has_not_left_can_be_cancelled() -> None:
    assert CANCELLABLE == {Status.HELD, Status.SCHEDULED, Status.DEFERRED}


def test_a_mail_in_doubt_is_never_cancelled_nor_expired() -> None:
    assert TRANSITIONS[Status.IN_DOUBT] == {Status.SENDING, Status.SENT, Status.UNDELIVERED}


@given(STATUSES)
def test_every_status_can_end(status: Status) -> None:
    assert reachable(status) & FINAL


@given(STATUSES, STATUSES)
def test_check_agrees_with_the_table(current: Status, target: Status) -> None:
    if target in TRANSITIONS[current]:
        check(current, target)
        assert current in sources_of(target)
    else:
        with pytest.raises(TransitionRefused) as refused:
            check(current, target)
        assert (refused.value.current, refused.value.target) == (current, target)
        assert current not in sources_of(target)


def test_every_status_has_a_label() -> None:
    labels = {status.label() for status in Status}
    assert len(labels) == len(Status)
    assert Status.SENT.label(settled=True) == "送信完了"
    assert Status.SENT.label(settled=False) == "送信完了（確認中）"
    assert Status.UNDELIVERED.label() == "不達"
