"""The stage: the whole service on free ports, deaf to its surroundings, gone without a trace."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from config.samples.make import application
from core.statuses import Status
from todoke.demo.api import UnexpectedAnswer
from todoke.demo.command import EndedEarly, _unless
from todoke.demo.records import read_books
from todoke.demo.stage import STARTS_AT, open_stage
from todoke.demo.story import Story

pytestmark = pytest.mark.slow

ADDRESSES = (
    "gut@example.jp",
    "pre-check.bounce-5.1.1+a@example.jp",
    "guide.bounce-5.1.1+b@example.jp",
    "guide.drop+c@example.jp",
)


@pytest.fixture
def _misleading_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "todoke.toml").write_text('environment = "production"\n')
    (tmp_path / ".env").write_text("TODOKE_HTTP_PORT=1\n")
    for name, value in {
        "DATABASE_URL": "postgresql+psycopg://nowhere/x",
        "SMTP_HOST": "mx.example.jp",
        "CLOCK": "?",
    }.items():
        monkeypatch.setenv(f"TODOKE_{name}", value)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


@pytest.mark.usefixtures("_misleading_surroundings")
async def test_plays_a_few_applications_and_leaves_nothing_behind() -> None:
    async with open_stage() as stage:
        folder = stage.folder
        for number, address in enumerate(ADDRESSES, start=1):
            job = _nested(application(number, {"recipient.email": address}))
            (await stage.publisher.post("/v1/jobs", job)).expect(202)
        await stage.timelapse.run_until(STARTS_AT + timedelta(days=4))
        books = await read_books(stage.wiring.db, stage.clock.now())
        assert len((await stage.helpdesk.get("/v1/messages", kind="guide")).expect(200)["items"]) == 4
        assert folder.is_dir()
    assert [record.status for record in books.records] == [
        *(Status.SENT, Status.SENT),
        *(Status.UNDELIVERED, Status.CANCELLED),
        *(Status.SENT, Status.UNDELIVERED),
        *(Status.SENT, Status.IN_DOUBT),
    ]
    assert not any(record.secret_held for record in books.records)
    assert not folder.exists()


async def test_publisher_may_not_ask_what_the_helpdesk_asks() -> None:
    async with open_stage() as stage:
        reply = await stage.publisher.get("/v1/advice", symptom="not-arrived")
        with pytest.raises(UnexpectedAnswer, match="403 forbidden"):
            reply.expect(200)


async def test_end_in_the_middle_of_the_story() -> None:
    stopping = asyncio.Event()
    async with open_stage() as stage:
        folder = stage.folder
        story = Story(stage, lambda _phase: stopping.set())
        with pytest.raises(EndedEarly):
            await _unless(stopping, story.play())
    assert not folder.exists()


def _nested(flat: dict[str, str]) -> dict[str, object]:
    job: dict[str, dict[str, str]] = {}
    for path, value in flat.items():
        parent, _, key = path.rpartition(".")
        job.setdefault(parent, {})[key] = value
    return {**job.pop(""), **job}
