"""The HTTP API over a real socket."""

from __future__ import annotations

import asyncio
import json
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from sink.archive import Mail
from sink.hints import hints_for
from sink.reading import read_mail
from sink.server import Sink, now_in_japan
from tests.sink.conftest import SENDER, mail_bytes, send

MESSAGES = "/api/v1/messages"


async def listed(api: httpx2.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"{MESSAGES}?{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_lists_what_the_contract_names(sink: Sink, api: httpx2.AsyncClient) -> None:
    raw = mail_bytes("=?utf-8?b?6YCa55+l?=", kind="guide")
    await send(sink, "Soumu@example.jp", "other@example.jp", raw=raw)
    [item] = await listed(api)
    assert set(item) == {"id", "from", "to", "subject", "kind", "size", "received_at"}
    assert (item["from"], item["to"]) == (SENDER, ["Soumu@example.jp", "other@example.jp"])
    assert (item["subject"], item["kind"], item["size"]) == ("通知", "guide", len(raw))
    assert item["received_at"].endswith("+09:00")


async def test_the_envelope_is_listed_not_the_header(sink: Sink, api: httpx2.AsyncClient) -> None:
    await send(sink, "envelope@example.jp", raw=b"To: header@example.jp\r\nFrom: x@y.jp\r\n\r\n", sender="")
    [item] = await listed(api)
    assert (item["from"], item["to"], item["subject"], item["kind"]) == ("", ["envelope@example.jp"], "", None)


async def test_filters(sink: Sink, api: httpx2.AsyncClient) -> None:
    await send(sink, "soumu@example.jp", raw=mail_bytes("First", kind="code"))
    await send(sink, "xsoumu@example.jp", raw=mail_bytes("Second +1", kind="guide"))
    newest = (await listed(api))[0]
    assert [mail["subject"] for mail in await listed(api, "to=SOUMU@example.jp")] == ["First"]
    assert await listed(api, "to=soumu") == []
    assert [mail["subject"] for mail in await listed(api, "subject=second%20%2B1")] == ["Second +1"]
    assert [mail["subject"] for mail in await listed(api, "kind=code")] == ["First"]
    assert await listed(api, "kind=code&to=xsoumu@example.jp") == []
    assert [mail["id"] for mail in await listed(api, f"since={quote(newest['received_at'])}")] == [newest["id"]]
    assert [mail["id"] for mail in await listed(api, f"since={newest['received_at']}")] == [newest["id"]]
    assert await listed(api, "since=2999-01-01T00:00:00Z") == []
    assert len(await listed(api, "to=&subject=&kind=&since=&limit=&cursor=&wait=")) == 2


@pytest.mark.parametrize("query", ["to=delay%2Bx@example.jp", "to=delay+x@example.jp", "to=delay%20x@example.jp"])
async def test_a_plus_sign_may_come_unescaped(sink: Sink, api: httpx2.AsyncClient, query: str) -> None:
    await send(sink, "delay+x@example.jp")
    assert len(await listed(api, query)) == 1


async def test_pages_by_cursor(sink: Sink, api: httpx2.AsyncClient) -> None:
    for number in range(5):
        await send(sink, "a@example.jp", raw=mail_bytes(str(number)))
    seen, cursor = [], ""
    while cursor is not None:
        page = (await api.get(f"{MESSAGES}?limit=2&cursor={cursor}")).json()
        await send(sink, "late@example.jp")
        seen += [mail["subject"] for mail in page["items"]]
        cursor = page["next"]
    assert seen == ["4", "3", "2", "1", "0"]


async def test_a_thousand_mails_by_default_ten_thousand_at_most(sink: Sink, api: httpx2.AsyncClient) -> None:
    await asyncio.gather(*(send(sink, *["a@example.jp"] * 1) for _ in range(30)))
    page = (await api.get(f"{MESSAGES}?limit=10000")).json()
    assert (len(page["items"]), page["next"]) == (30, None)
    assert (await api.get(f"{MESSAGES}?limit=10001")).status_code == 422


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=many", "limit"),
        ("limit=-1", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=99999999999999999999999", "cursor"),
        ("wait=-1", "wait"),
        ("wait=nan", "wait"),
        ("wait=601", "wait"),
        ("wait=soon", "wait"),
        ("since=yesterday", "since"),
        ("since=2026-11-24", "since"),
        ("since=2026-11-24T09:00:00", "since"),
        ("sbject=x", "sbject"),
    ],
)
async def test_bad_parameters_are_problems(api: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await api.get(f"{MESSAGES}?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], [error["field"] for error in problem["errors"]]) == (422, [field])
    assert problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{MESSAGES}/nothing-1", 404),
        ("GET", f"{MESSAGES}/nothing-1/raw", 404),
        ("DELETE", f"{MESSAGES}/nothing-1", 404),
        ("GET", f"{MESSAGES}/nothing-1/reports/0", 404),
        ("GET", "/api/v2", 404),
        ("GET", "/static/..%2Fserver.py", 404),
        ("GET", "/static/server.py", 404),
        ("POST", MESSAGES, 405),
    ],
)
async def test_refusals_are_problems(api: httpx2.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


async def test_wait_answers_at_once_when_there_is_one(sink: Sink, api: httpx2.AsyncClient) -> None:
    await send(sink, "a@example.jp")
    assert len(await listed(api, "to=a@example.jp&wait=500")) == 1


async def still_waiting(task: asyncio.Task[Any]) -> None:
    done, _ = await asyncio.wait({task}, timeout=0.05)
    assert not done


async def test_wait_holds_the_answer_until_one_matches(sink: Sink, api: httpx2.AsyncClient) -> None:
    waiting = asyncio.create_task(listed(api, "kind=guide&wait=500"))
    await still_waiting(waiting)
    await send(sink, "a@example.jp", raw=mail_bytes(kind="code"))
    await still_waiting(waiting)
    await send(sink, "a@example.jp", raw=mail_bytes(kind="guide"))
    assert [mail["kind"] for mail in await asyncio.wait_for(waiting, 5)] == ["guide"]


async def test_wait_ends_empty_when_the_time_is_over(api: httpx2.AsyncClient) -> None:
    assert await listed(api, "to=nobody@example.jp&wait=0.02") == []


async def test_stopping_answers_those_who_wait(sink: Sink, api: httpx2.AsyncClient) -> None:
    waiting = asyncio.create_task(listed(api, "wait=500"))
    await still_waiting(waiting)
    await sink.stop()
    assert await asyncio.wait_for(waiting, 5) == []


async def test_shows_one_mail_whole(sink: Sink, api: httpx2.AsyncClient) -> None:
    message = EmailMessage()
    message["Subject"] = "利用案内"
    message["X-Todoke-Kind"] = "guide"
    message.set_content("システムをご利用するには\n\nhttps://www.g-mis.mhlw.go.jp/s/abc\n")
    message.add_alternative("<p>本文</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="手引き.pdf")
    await send(sink, "guide.bounce-5.1.1+x@example.jp", "code.full+y@example.jp", raw=message.as_bytes())
    await sink.idle()
    [item] = await listed(api)
    mail = (await api.get(f"{MESSAGES}/{item['id']}")).json()
    assert {key: mail[key] for key in item} == item
    assert mail["headers"]["Subject"] == "利用案内"
    assert mail["text"].startswith("システムをご利用するには")
    assert mail["html"].strip() == "<p>本文</p>"
    assert mail["links"] == ["https://www.g-mis.mhlw.go.jp/s/abc"]
    [attachment] = mail["attachments"]
    assert (attachment["filename"], attachment["content_type"], attachment["size"]) == (
        "手引き.pdf",
        "application/pdf",
        4,
    )
    assert [(each["rule"], each["applied"]) for each in mail["simulator"]] == [("bounce", True), ("full", False)]
    assert [(each["type"], each["state"]) for each in mail["reports"]] == [("bounce", "sent")]
    download = await api.get(attachment["url"])
    assert download.content == b"%PDF"
    assert download.headers["content-type"] == "application/octet-stream"
    assert "attachment" in download.headers["content-disposition"]
    assert (await api.get(attachment["url"][:-1] + "7")).status_code == 404


@pytest.mark.parametrize("raw", [bytes(range(256)) * 4, b"", b"Subject: =?x?b?\xff?=\r\n\r\n", b"\xff" * 99 + b"\r\n"])
async def test_any_bytes_are_listed_shown_and_given_back(sink: Sink, api: httpx2.AsyncClient, raw: bytes) -> None:
    await send(sink, "a@example.jp", raw=raw or b"\r\n")
    [item] = await listed(api)
    stored = await sink.raw(sink.mails()[0])
    answer = await api.get(f"{MESSAGES}/{item['id']}/raw")
    assert answer.content == stored
    assert answer.headers["content-type"] == "message/rfc822"
    assert (await api.get(f"{MESSAGES}/{item['id']}")).status_code == 200
    assert (await api.get(f"/mail/{item['id']}/html")).status_code == 200


async def test_deletes_one_some_all(sink: Sink, api: httpx2.AsyncClient) -> None:
    for number in range(4):
        await send(sink, f"{number}@example.jp", raw=mail_bytes(kind="guide" if number > 1 else "code"))
    first = (await listed(api))[0]["id"]
    assert (await api.delete(f"{MESSAGES}/{first}")).status_code == 204
    assert (await api.delete(f"{MESSAGES}/{first}")).status_code == 404
    assert len(await listed(api)) == 3
    assert (await api.delete(f"{MESSAGES}?kind=code")).status_code == 204
    assert [mail["to"] for mail in await listed(api)] == [["2@example.jp"]]
    assert (await api.delete(f"{MESSAGES}?knd=code")).status_code == 422
    for empty in ("to=", "kind=&subject=x", "since="):
        assert (await api.delete(f"{MESSAGES}?{empty}")).json()["errors"][0]["code"] == "empty"
    assert len(await listed(api)) == 1
    assert (await api.delete(MESSAGES)).status_code == 204
    assert await listed(api) == []


async def test_hints_name_what_will_go_wrong(sink: Sink, api: httpx2.AsyncClient) -> None:
    word = "=?utf-8?b?" + "A" * 76 + "?="
    long_link = "https://www.g-mis.mhlw.go.jp/" + "x" * 60
    raw = f"Subject: {word} 件名\r\n\r\n{'y' * 1000}\r\nhere: {long_link}\r\n".encode()
    await send(sink, "bounce-9.9.9+x@example.jp", raw=raw)
    mail = (await api.get(f"{MESSAGES}/{(await listed(api))[0]['id']}")).json()
    assert {hint["code"] for hint in mail["hints"]} == {
        *("simulator-address", "long-line", "missing-header", "raw-header"),
        *("long-encoded-word", "long-link", "link-not-alone"),
    }


@pytest.mark.parametrize(("body", "found"), [(b"a\r\nb\r\n", False), (b"a\nb\r\n", True), (b"a\rb\r\n", True)])
def test_bare_line_ends_are_noticed(body: bytes, found: bool) -> None:
    raw = mail_bytes() + body
    mail = Mail(1, "r-1", "v@b.jp", ("a@b.jp",), "", None, len(raw), now_in_japan())
    assert [hint.code for hint in hints_for(mail, raw, read_mail(raw))] == ["bare-line-end"] * found


async def test_a_sound_mail_has_no_hints(sink: Sink, api: httpx2.AsyncClient) -> None:
    await send(sink, "a@example.jp")
    assert (await api.get(f"{MESSAGES}/{(await listed(api))[0]['id']}")).json()["hints"] == []


async def test_activity_tells_what_was_refused(sink: Sink, api: httpx2.AsyncClient) -> None:
    await send(sink, "full+x@example.jp")
    [event] = (await api.get("/api/v1/activity")).json()["items"]
    assert (event["type"], event["address"]) == ("refused", "full+x@example.jp")
    assert event["detail"].startswith("452 4.2.2")


async def test_says_where_it_listens_and_what_addresses_do(sink: Sink, api: httpx2.AsyncClient) -> None:
    about = (await api.get("/api/v1/sink")).json()
    assert about["smtp"] == f"127.0.0.1:{sink.smtp_port}"
    assert {"kind": "guide", "label": "G-MIS利用案内メール"} in about["kinds"]
    assert len(about["simulator"]) == 10
    assert (await api.get("/livez")).text == "ok\n"


async def test_live_tells_of_changes(sink: Sink, api: httpx2.AsyncClient) -> None:
    async with api.stream("GET", "/api/v1/live") as stream:
        lines = stream.aiter_lines()

        async def next_total() -> int:
            while not (line := await asyncio.wait_for(anext(lines), 5)).startswith("data: "):
                pass
            return int(json.loads(line.removeprefix("data: "))["total"])

        assert await next_total() == 0
        await send(sink, "a@example.jp")
        assert await next_total() == 1
        await sink.clear()
        assert await next_total() == 0
