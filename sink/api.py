"""The HTTP API for tests and for the page (contract section 6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from core.kinds import Kind
from sink.activity import Activity
from sink.archive import Mail
from sink.hints import hints_for
from sink.mailbox import Mailbox, Query, Standing
from sink.problems import Parameters, not_found
from sink.reading import Attachment, ReadMail, read_mail
from sink.reporter import Reporter
from sink.simulator import HELP, Simulation, read_address

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000
MAX_WAIT_SECONDS = 600.0
_LIVE_PAUSE_SECONDS = 0.25
_LIVE_HEARTBEAT_SECONDS = 15.0

_FILTERS = frozenset({"to", "subject", "kind", "since"})
_LISTING = _FILTERS | {"limit", "cursor", "wait"}
_MAX_CURSOR = 10**18


class About(Protocol):
    """What the page says of the sink itself."""

    def __call__(self) -> Mapping[str, object]: ...


class Api:
    """Handlers over the mailbox."""

    def __init__(
        self,
        mailbox: Mailbox,
        reporter: Reporter,
        activity: Activity,
        *,
        about: About,
        on_clear: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._mailbox = mailbox
        self._reporter = reporter
        self._activity = activity
        self._about = about
        self._on_clear = on_clear
        self._sleep = sleep

    def routes(self) -> list[Route]:
        """The paths below /api/v1."""
        one = "/api/v1/messages/{id}"
        return [
            Route("/api/v1/messages", self.list_messages, methods=["GET"]),
            Route("/api/v1/messages", self.clear_messages, methods=["DELETE"]),
            Route(one, self.show_message, methods=["GET"]),
            Route(one, self.delete_message, methods=["DELETE"]),
            Route(f"{one}/raw", self.raw_message, methods=["GET"]),
            Route(f"{one}/attachments/{{index:int}}", self.attachment, methods=["GET"]),
            Route(f"{one}/reports/{{index:int}}", self.report, methods=["GET"]),
            Route("/api/v1/activity", self.show_activity, methods=["GET"]),
            Route("/api/v1/live", self.live, methods=["GET"]),
            Route("/api/v1/sink", self.about_sink, methods=["GET"]),
        ]

    async def list_messages(self, request: Request) -> Response:
        """Mails that match, newest first; with `wait`, not before there is one or the time is over."""
        parameters = Parameters(request, _LISTING)
        query = _query(parameters)
        limit = parameters.whole_number("limit", lowest=1, highest=MAX_LIMIT) or DEFAULT_LIMIT
        before = parameters.whole_number("cursor", lowest=1, highest=_MAX_CURSOR)
        wait = parameters.seconds("wait", highest=MAX_WAIT_SECONDS)
        page = self._mailbox.page(query, limit, before)
        if wait and not page.items and before is None:
            await self._mailbox.wait_for(query, wait)
            page = self._mailbox.page(query, limit, before)
        cursor = None if page.next is None else str(page.next)
        return JSONResponse({"items": [listed(mail) for mail in page.items], "next": cursor})

    async def clear_messages(self, request: Request) -> Response:
        """Forget all mails, or those that match. Forgetting all lets `defer-<N>` begin anew.

        An empty filter is refused here, though it lists all: whoever sends one meant some mails.
        """
        parameters = Parameters(request, _FILTERS)
        parameters.refuse_empty("left out, all mails are deleted")
        query = _query(parameters)
        if query == Query():
            self._on_clear()
            await self._mailbox.clear()
        else:
            await self._mailbox.remove(self._mailbox.page(query, self._mailbox.standing.total).items)
        return Response(status_code=204)

    async def show_message(self, request: Request) -> Response:
        """One mail with all that was read from it."""
        mail = self._find(request)
        raw = await self._raw(mail)
        read = await asyncio.to_thread(read_mail, raw)
        hints = await asyncio.to_thread(hints_for, mail, raw, read)
        body = {
            **listed(mail),
            "headers": read.headers,
            "text": read.text,
            "html": read.html,
            "links": read.links,
            "attachments": [_attachment(mail, index, each) for index, each in enumerate(read.attachments)],
            "hints": [{"code": hint.code, "text": hint.text} for hint in hints],
            "simulator": _simulations(mail),
            "reports": self._reports(mail),
        }
        return JSONResponse(body)

    async def delete_message(self, request: Request) -> Response:
        """Forget one mail."""
        await self._mailbox.remove([self._find(request)])
        return Response(status_code=204)

    async def raw_message(self, request: Request) -> Response:
        """The bytes as received."""
        return _download(await self._raw(self._find(request)), "message/rfc822", f"{request.path_params['id']}.eml")

    async def attachment(self, request: Request) -> Response:
        """The content of one attachment, never shown by a browser itself."""
        read = await self.read(request)
        index = request.path_params["index"]
        if index >= len(read.attachments):
            raise not_found("This mail has no such attachment")
        attachment = read.attachments[index]
        return _download(attachment.content, "application/octet-stream", attachment.filename or f"part-{index}")

    async def report(self, request: Request) -> Response:
        """A report on this mail, as sent."""
        deliveries = self._reporter.deliveries_for(request.path_params["id"])
        index = request.path_params["index"]
        raw = deliveries[index].raw if index < len(deliveries) else None
        if raw is None:
            raise not_found("There is no such report, or it is not due yet")
        return _download(raw, "message/rfc822", f"report-{index}.eml")

    async def show_activity(self, request: Request) -> Response:
        """What happened lately besides mails being kept, newest first."""
        Parameters(request, frozenset())
        events = [
            {
                "at": event.at.isoformat(timespec="milliseconds"),
                "type": event.type,
                "address": event.address,
                "detail": event.detail,
                "mail_id": event.mail_id,
            }
            for event in self._activity.latest()
        ]
        return JSONResponse({"items": events})

    async def live(self, _request: Request) -> Response:
        """Server-sent events: one at once and one after each change, many changes in one."""
        return StreamingResponse(self._changes(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def about_sink(self, _request: Request) -> Response:
        """Where the sink listens, and what its simulator addresses do."""
        return JSONResponse(
            {
                **self._about(),
                "kinds": [{"kind": kind, "label": kind.label} for kind in Kind],
                "simulator": [
                    {
                        "local_part": entry.local_part,
                        "example": entry.example,
                        "effect": entry.effect,
                        "effect_ja": entry.effect_ja,
                    }
                    for entry in HELP
                ],
            }
        )

    async def read(self, request: Request) -> ReadMail:
        """The mail that the path names, read. Raises `Refused` 404."""
        return await asyncio.to_thread(read_mail, await self._raw(self._find(request)))

    def _find(self, request: Request) -> Mail:
        mail = self._mailbox.get(request.path_params["id"])
        if mail is None:
            raise not_found("There is no mail with this id; it may have been deleted")
        return mail

    async def _raw(self, mail: Mail) -> bytes:
        raw = await self._mailbox.raw(mail)
        if raw is None:
            raise not_found("This mail was deleted meanwhile")
        return raw

    def _reports(self, mail: Mail) -> list[dict[str, object]]:
        return [
            {
                "type": delivery.report.type,
                "recipient": delivery.report.recipient,
                "to": delivery.report.to,
                "state": delivery.state,
                "attempts": delivery.attempts,
                "answer": delivery.answer,
                "raw": f"/api/v1/messages/{mail.id}/reports/{index}" if delivery.raw else None,
            }
            for index, delivery in enumerate(self._reporter.deliveries_for(mail.id))
        ]

    async def _changes(self) -> AsyncIterator[str]:
        known: Standing | None = None
        while not self._mailbox.closed:
            standing = self._mailbox.standing
            if standing != known:
                yield f"data: {json.dumps(_standing(standing))}\n\n"
                known = standing
                await self._sleep(_LIVE_PAUSE_SECONDS)
            elif await self._mailbox.changed(known, _LIVE_HEARTBEAT_SECONDS) == known:
                yield ": still here\n\n"


def _standing(standing: Standing) -> dict[str, int]:
    return {"total": standing.total, "newest": standing.newest, "generation": standing.generation}


def listed(mail: Mail) -> dict[str, object]:
    """A mail as the list shows it."""
    return {
        "id": mail.id,
        "from": mail.sender,
        "to": mail.recipients,
        "subject": mail.subject,
        "kind": mail.kind,
        "size": mail.size,
        "received_at": mail.received_at.isoformat(timespec="milliseconds"),
    }


def _query(parameters: Parameters) -> Query:
    to = parameters.text("to")
    return Query(
        # Simulator addresses have a plus sign, which a client that does not escape it sends as a space.
        to=to.replace(" ", "+") if to else None,
        subject=parameters.text("subject"),
        kind=parameters.text("kind"),
        since=parameters.moment("since"),
    )


def _attachment(mail: Mail, index: int, attachment: Attachment) -> dict[str, object]:
    return {
        "filename": attachment.filename,
        "content_type": attachment.content_type,
        "content_id": attachment.content_id,
        "size": len(attachment.content),
        "url": f"/api/v1/messages/{mail.id}/attachments/{index}",
    }


def _simulations(mail: Mail) -> list[dict[str, object]]:
    found = [(address, read_address(address)) for address in mail.recipients]
    return [
        {"recipient": address, "rule": simulation.rule, "applied": simulation.applies_to(mail.kind)}
        for address, simulation in found
        if isinstance(simulation, Simulation)
    ]


def _download(content: bytes, media_type: str, filename: str) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})
