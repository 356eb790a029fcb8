"""How a mail stands, as people tell it apart: what is still within its settle window is not yet what is past it."""

from __future__ import annotations

from dataclasses import dataclass

from core.statuses import Status


@dataclass(frozen=True, slots=True)
class State:
    """A status or a part of one. `word` is what a list of mails is asked for it by; `settled` None: either."""

    word: str
    label: str
    status: Status
    settled: bool | None = None


_SETTLING = State("settling", Status.SENT.label(), Status.SENT, settled=False)
_SETTLED = State("settled", Status.SENT.label(settled=True), Status.SENT, settled=True)

STATES = tuple(
    state
    for status in Status
    for state in ((_SETTLING, _SETTLED) if status is Status.SENT else (State(status.value, status.label(), status),))
)
"""Each mail is in one of them."""

_SENT = State(Status.SENT.value, "送信完了（確認中を含む）", Status.SENT)
_PLACE_OF_SENT = STATES.index(_SETTLING)

CHOICES = {state.word: state for state in (*STATES[:_PLACE_OF_SENT], _SENT, *STATES[_PLACE_OF_SENT:])}
"""What a list of mails may be narrowed to."""
