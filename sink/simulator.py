"""Simulator addresses: what a recipient's local part asks the sink to do (contract section 6).

The grammar, any domain, upper and lower case alike: `[<kind>.]<rule>[-<argument>]+<anything>@domain`. The kind
prefix limits the effect to mails of that kind. The kind stands in the mail itself, so a limited effect that would
otherwise answer RCPT (`reject`, `defer`, `full`, `slow`) answers the final dot instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from core.kinds import Kind

MAX_SLOW_SECONDS = 3600.0
MAX_DEFERRALS = 1_000_000


class Rule(StrEnum):
    """What a simulator address does."""

    BOUNCE = "bounce"  # accepted, then a failure report (RFC 3464)
    REJECT = "reject"  # refused at RCPT
    REJECT_DATA = "reject-data"  # refused after the final dot
    DEFER = "defer"  # 451 for the first tries, then accepted
    FULL = "full"  # 452 4.2.2 always
    SLOW = "slow"  # answers late
    DROP = "drop"  # kept, then the connection is cut before the reply to the final dot
    DELAY = "delay"  # accepted, then a delay report, then a success report
    VACATION = "vacation"  # accepted, then an auto-reply (RFC 3834)
    COMPLAINT = "complaint"  # accepted, then a feedback report (RFC 5965)


@dataclass(frozen=True, slots=True)
class Simulation:
    """One effect. Only the fields that its rule needs are set."""

    rule: Rule
    kind: Kind | None = None  # None: mails of every kind, and mails without one
    code: int | None = None  # SMTP reply code
    status: str | None = None  # enhanced status code, RFC 3463
    tries: int = 0  # how many tries are deferred
    seconds: float = 0.0  # how late the answer is

    def applies_to(self, kind: str | None) -> bool:
        """Whether a mail whose X-Todoke-Kind is `kind` is meant."""
        return self.kind is None or (kind is not None and kind.lower() == self.kind)


@dataclass(frozen=True, slots=True)
class Misuse:
    """An address that looks like a simulator address and is none; treated as an ordinary one."""

    problem: str


_STATUS = r"[45]\.(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2})"
_REPLY = re.compile(rf"(?P<code>[45]\d\d)(?:-(?P<status>{_STATUS}))?", re.ASCII)
_SECONDS = re.compile(r"\d{1,5}(?:\.\d{1,3})?", re.ASCII)
_COUNT = re.compile(r"\d{1,7}", re.ASCII)
_LOCAL_PART = re.compile(
    # Longer names first: `reject-data` would otherwise be read as `reject` with the argument `data`.
    rf"(?:(?P<kind>[a-z-]+)\.)?(?P<rule>{'|'.join(sorted(Rule, key=len, reverse=True))})"
    r"(?:-(?P<argument>[^+]*))?(?P<plus>\+?)",
    re.ASCII,
)


def read_address(address: str) -> Simulation | Misuse | None:
    """What `address` asks for; None for an ordinary address."""
    local_part = address.rpartition("@")[0].lower()
    match = _LOCAL_PART.match(local_part)
    if match is None or not (match["plus"] or match.end() == len(local_part)):
        return None
    found = _simulation(Rule(match["rule"]), match["argument"], match["kind"])
    if match["plus"]:
        return found
    meant = isinstance(found, Simulation)
    return Misuse(f"a simulator address needs a plus sign: write {local_part}+anything") if meant else None


def simulation_of(address: str) -> Simulation | None:
    """The effect that `address` asks for, if it asks for one in a valid way."""
    found = read_address(address)
    return found if isinstance(found, Simulation) else None


def _simulation(rule: Rule, argument: str | None, kind: str | None) -> Simulation | Misuse:
    if kind is not None and kind not in frozenset(Kind):
        return Misuse(f"{kind} is not a kind of mail; known kinds: {', '.join(Kind)}")
    simulation = _ARGUMENTS[rule](rule, argument)
    if simulation is None:
        return Misuse(f"{rule} takes {_EXPECTED[rule]}")
    return replace(simulation, kind=Kind(kind)) if kind else simulation


def _plain(rule: Rule, argument: str | None) -> Simulation | None:
    return Simulation(rule) if argument is None else None


def _status(rule: Rule, argument: str | None) -> Simulation | None:
    return Simulation(rule, status=argument) if re.fullmatch(_STATUS, argument or "", re.ASCII) else None


def _reply(rule: Rule, argument: str | None) -> Simulation | None:
    match = _REPLY.fullmatch(argument or "")
    return Simulation(rule, code=int(match["code"]), status=match["status"]) if match else None


def _count(rule: Rule, argument: str | None) -> Simulation | None:
    if not _COUNT.fullmatch(argument or "") or int(argument or "") > MAX_DEFERRALS:
        return None
    return Simulation(rule, tries=int(argument or ""))


def _seconds(rule: Rule, argument: str | None) -> Simulation | None:
    if not _SECONDS.fullmatch(argument or "") or float(argument or "") > MAX_SLOW_SECONDS:
        return None
    return Simulation(rule, seconds=float(argument or ""))


_ARGUMENTS: Mapping[Rule, Callable[[Rule, str | None], Simulation | None]] = {
    Rule.BOUNCE: _status,
    Rule.REJECT: _reply,
    Rule.REJECT_DATA: _reply,
    Rule.DEFER: _count,
    Rule.FULL: _plain,
    Rule.SLOW: _seconds,
    Rule.DROP: _plain,
    Rule.DELAY: _plain,
    Rule.VACATION: _plain,
    Rule.COMPLAINT: _plain,
}

_NO_ARGUMENT = "no argument"
_REPLY_ARGUMENT = "a reply code from 400 to 599 and, if wanted, an enhanced status code, as in 550-5.1.1"
_EXPECTED: Mapping[Rule, str] = {
    Rule.BOUNCE: "an enhanced status code of class 4 or 5, as in bounce-5.1.1",
    Rule.REJECT: _REPLY_ARGUMENT,
    Rule.REJECT_DATA: _REPLY_ARGUMENT,
    Rule.DEFER: f"a number of tries up to {MAX_DEFERRALS}, as in defer-2",
    Rule.FULL: _NO_ARGUMENT,
    Rule.SLOW: f"seconds up to {MAX_SLOW_SECONDS:.0f}, as in slow-2 or slow-0.5",
    Rule.DROP: _NO_ARGUMENT,
    Rule.DELAY: _NO_ARGUMENT,
    Rule.VACATION: _NO_ARGUMENT,
    Rule.COMPLAINT: _NO_ARGUMENT,
}


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """One line of the page's list of simulator addresses."""

    local_part: str
    example: str
    effect: str
    effect_ja: str


HELP: tuple[HelpEntry, ...] = (
    HelpEntry(
        "bounce-<X.Y.Z>+…",
        "bounce-5.1.1+a@example.jp",
        "accepted, then a failure report (RFC 3464) goes to the envelope sender",
        "受け付けた後、不達通知を返します",
    ),
    HelpEntry(
        "reject-<CODE>+… / reject-<CODE>-<X.Y.Z>+…",
        "reject-550-5.1.1+a@example.jp",
        "that reply at RCPT",
        "RCPT の時点で拒否します",
    ),
    HelpEntry(
        "reject-data-<CODE>+…",
        "reject-data-554+a@example.jp",
        "that reply after the final dot; nothing is kept",
        "本文の受信後に拒否します",
    ),
    HelpEntry(
        "defer-<N>+…",
        "defer-2+a@example.jp",
        "451 for the first N tries from each envelope sender, then accepted",
        "エンベロープ送信者ごとに最初の N 回は一時エラー、その後受け付けます",
    ),
    HelpEntry("full+…", "full+a@example.jp", "452 4.2.2 always", "常にメールボックス容量超過"),
    HelpEntry("slow-<SECONDS>+…", "slow-3+a@example.jp", "answers RCPT late", "応答を遅らせます"),
    HelpEntry(
        "drop+…",
        "drop+a@example.jp",
        "the mail is kept, the connection is cut after the final dot, before the reply",
        "受信後、応答の前に切断します",
    ),
    HelpEntry(
        "delay+…",
        "delay+a@example.jp",
        "accepted, then a report with Action: delayed, later one with delivered",
        "遅延通知、その後に配信通知を返します",
    ),
    HelpEntry(
        "vacation+…",
        "vacation+a@example.jp",
        "accepted, then an auto-reply (RFC 3834)",
        "不在の自動応答を返します",
    ),
    HelpEntry(
        "complaint+…",
        "complaint+a@example.jp",
        "accepted, then a spam complaint (ARF, RFC 5965)",
        "迷惑メール報告を返します",
    ),
)
"""The simulator addresses as the page and the API explain them."""
