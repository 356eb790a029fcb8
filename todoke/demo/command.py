"""Plays the story, tells what it comes to, and stays up where that is wished."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import TypeVar

from core.ending import end, on_signals
from core.errors import TodokeError
from core.kinds import Kind
from todoke.cli.output import print_json
from todoke.cli.running import refused
from todoke.demo.result import Result, conclude
from todoke.demo.stage import Stage, Visitor, let_somebody_in, open_stage
from todoke.demo.story import BEGINS_AT, Phase, Story
from todoke.demo.text import print_further, print_messages, print_opening, print_phase, print_summary

T = TypeVar("T")

_MOST_SECONDS = 180
_STEP = timedelta(hours=1)
_STEP_SECONDS = 1.0


class TooSlow(TodokeError):
    """The story does not come to its end."""


class EndedEarly(TodokeError):
    """Somebody asked it to end."""


def run(*, stay: bool, as_json: bool) -> None:
    """Run the demo; exit code 1 where a check does not hold. With `stay`, until SIGTERM, SIGINT or SIGHUP."""
    if not asyncio.run(_run(stay=stay, as_json=as_json)):
        refused()


async def _run(*, stay: bool, as_json: bool) -> bool:
    stopping = _stopping()
    if not as_json:
        print_opening()
    async with open_stage() as stage:
        result = await _unless(stopping, _play(stage, as_json=as_json))
        visitor = await let_somebody_in(stage) if stay else None
        if as_json:
            print_json(result.as_dict() | {"serving": None if visitor is None else _serving(stage, visitor)})
        else:
            _tell(result, stage, visitor)
        if stay:
            await _stay(stage, stopping)
    return result.holds


def _stopping() -> asyncio.Event:
    stopping = asyncio.Event()
    on_signals(stopping.set)
    return stopping


async def _unless(stopping: asyncio.Event, work: Coroutine[object, object, T]) -> T:
    """The work's result. Raises EndedEarly once somebody asks it to end."""
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if working.done():
        return working.result()
    await end(working)
    raise EndedEarly("the demo was ended; nothing of it is left")


async def _play(stage: Stage, *, as_json: bool) -> Result:
    began = time.monotonic()
    story = Story(stage, _say_nothing if as_json else print_phase)
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            await story.play()
    except TimeoutError:
        raise TooSlow(
            f"the story is not over after {_MOST_SECONDS} s; what is it that comes up again and again?"
        ) from None
    return await conclude(stage, story, BEGINS_AT, time.monotonic() - began)


def _say_nothing(_phase: Phase) -> None:
    """JSON is one document."""


async def _stay(stage: Stage, stopping: asyncio.Event) -> None:
    """An hour of business time a second, so that what a visitor publishes comes to something."""
    try:
        await _unless(stopping, _go_on(stage))
    except EndedEarly:
        return


async def _go_on(stage: Stage) -> None:
    while True:
        await stage.timelapse.run_until(stage.clock.now() + _STEP)
        await asyncio.sleep(_STEP_SECONDS)


def _serving(stage: Stage, visitor: Visitor) -> dict[str, str]:
    urls = {"pages": stage.url, "api": stage.url, "docs": f"{stage.url}/docs", "sink": stage.sink.url}
    return urls | {"token": stage.admin_token, "user": visitor.name, "password": visitor.password}


def _tell(result: Result, stage: Stage, visitor: Visitor | None) -> None:
    print_messages(result)
    print_summary(result)
    print_further(_COMMANDS if visitor is None else _live(result, stage, visitor))


def _live(result: Result, stage: Stage, visitor: Visitor) -> list[tuple[str, str]]:
    code = result.shown["guide-undelivered"].guide.view["institution_code"]
    curl = f"curl -sH 'Authorization: Bearer {stage.admin_token}'"
    return [
        (f"{stage.url}/institutions/{code}", "窓口の画面 (the helpdesk's page of one institution)"),
        (f"{visitor.name} / {visitor.password}", "そのユーザー名とパスワード (user name and password for it)"),
        (f"{stage.url}/docs", "API の説明 (every call, described)"),
        (stage.sink.url, "届いたメールを読む (the captured mails)"),
        (f"{curl} {stage.url}/v1/institutions/{code}", "1機関の経過と案内 (one institution)"),
        (f"{curl} '{stage.url}/v1/messages?kind={Kind.GUIDE}&status=undelivered'", "不達の一覧 (what bounced)"),
        (f"{curl} '{stage.url}/v1/advice?institution_code={code}&symptom=not-arrived'", "窓口の回答 (advice)"),
        ("Ctrl-C", "終了 (end; until then an hour of business time passes every second)"),
    ]


_COMMANDS = (
    ("todoke demo --serve", "同じデモを続け、窓口・受信メールの画面と API を開いておく (stay up, with pages and API)"),
    ("todoke demo --json", "すべてを1つの JSON で (everything as one JSON document)"),
    ("todoke plan --kind guide --at 2026-12-28T10:00:00+09:00", "送信日時とその理由 (when would it go, and why)"),
    ("todoke templates preview guide", "メールの文面 (the mails' texts)"),
    ("todoke sink / todoke serve / todoke publish FILE", "自分のデータで試す (with your own data)"),
    ("config/samples/", "このデモの申請データ (the applications of this demo)"),
)
