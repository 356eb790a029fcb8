"""What each call takes and answers, by operation id. FastAPI knows the rest from the routes and their docstrings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.kinds import Kind, Scheme
from core.statuses import Status
from helpdesk.vocabulary import Symptom
from scheduler.intake import MAX_JOBS
from store.address_changes import ChangeState
from store.reading_queues import Work
from web.openapi.job import FISCAL_YEAR
from web.openapi.parts import (
    CODE,
    IDENTIFIER,
    INTEGER,
    MOMENT,
    PREFECTURE,
    REASON,
    STRING,
    UUID,
    Schema,
    array,
    ref,
    words,
)
from web.queries import DEFAULT_LIMIT, MAX_LIMIT, MOST_BUSINESS_DAYS
from web.tabular import Format

NDJSON = "application/x-ndjson"

_DEFAULT_SEASON = "the last one while its reporting period runs and for 30 days after it, else the present one"


@dataclass(frozen=True, slots=True)
class Told:
    """One good answer. `schema` is a component's name, None where it is no JSON; it holds for each media type."""

    status: int
    description: str
    schema: str | None
    media_types: Sequence[str] = ("application/json",)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. `problems` are those besides the ones that every call may answer."""

    told: Sequence[Told]
    problems: Sequence[str] = ()
    parameters: Sequence[Mapping[str, Any]] = ()
    body: Mapping[str, Any] | None = None
    needs_token: bool = True


def _path(name: str, schema: Schema, description: str) -> Mapping[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": description}


def _query(name: str, schema: Schema, description: str, *, required: bool = False) -> Mapping[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": description}


def _body(name: str, *, required: bool = True) -> Mapping[str, Any]:
    return {"required": required, "content": {"application/json": {"schema": ref(name)}}}


def _batch(name: str) -> Mapping[str, Any]:
    many = {**array(ref(name)), "maxItems": MAX_JOBS}
    told = f"one {name} a line, up to {MAX_JOBS}; blank lines are passed over; `application/jsonl` is taken, too"
    lines = {**STRING, "description": told}
    content = {"application/json": {"schema": {"oneOf": [ref(name), many]}}, NDJSON: {"schema": lines}}
    return {"required": True, "content": content}


_PAGE = (
    _query("cursor", STRING, "`next` of the page before"),
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "items of a page",
    ),
)
_SPAN = (
    _query("since", MOMENT, "from this moment on"),
    _query("until", MOMENT, "before this moment"),
)
_INSTITUTION = _query("institution_code", CODE, "after NFKC and trimming")
_EMAIL = _query("email", STRING, "a whole address, in any case")
_SCHEME = _query("scheme", words(list(Scheme)), "for items that name none; default: by the institution's type")
_JOB = (_path("job_id", IDENTIFIER, "percent-encoded; it may hold slashes"),)
_CHANGE = (_path("change_id", UUID, "of a request"),)
_MESSAGE = (_path("message_id", UUID, "of a message"),)

_FORMAT = _query("format", words(list(Format)), "CSV in UTF-8 with a byte order mark (default), or NDJSON")
_MESSAGE_FILTER = (
    _INSTITUTION,
    _query("application_id", IDENTIFIER, "of the application"),
    _EMAIL,
    _query("kind", words(list(Kind)), "kind of mail"),
    _query("status", words(list(Status)), "present status"),
    _query("settled", {"type": "boolean"}, "whether the item's `settled` is true"),
    *_SPAN,
)
_SUPPRESSION_FILTER = (
    _INSTITUTION,
    _EMAIL,
    _query("scope", words(["all", "reminder"]), "which kinds of mail it stops"),
    _query("state", {**words(["active", "released", "all"]), "default": "active"}, "in force or not"),
)
_AUDIT_FILTER = (
    _query("actor", STRING, "name of the user or token"),
    _query("action", STRING, "what was done"),
    _query("subject", STRING, "the id it was done to"),
    *_SPAN,
)


def _export(*parameters: Mapping[str, Any]) -> Operation:
    told = Told(200, f"the file, streamed; `{NDJSON}` with `format=ndjson`", None, ("text/csv", NDJSON))
    return Operation((told,), ("invalid", "unknown-field"), (*parameters, _FORMAT))


OPERATIONS: Mapping[str, Operation] = {
    "publish_jobs": Operation(
        told=(
            Told(202, "a new job: durable, and what it comes to", "JobAnswer"),
            Told(200, "the same job again: what it was answered first", "JobAnswer"),
            Told(207, "an array or NDJSON: one result a job, in order", "JobResults"),
        ),
        problems=(
            "unparsable",
            "job-id-reused",
            "job-id-unverifiable",
            "already-issued",
            "too-large",
            "invalid",
            "unknown-field",
            "another-institution",
            "not-by-rule",
            "not-for-this-route",
            "no-pre-check",
            "recipient-differs",
            "pre-check-undelivered",
            "no-contact",
            "paper-channel",
            "already-reminded",
        ),
        body=_batch("Job"),
    ),
    "read_job": Operation((Told(200, "the job", "JobState"),), ("not-found",), _JOB),
    "cancel_job": Operation(
        (Told(200, "the job, and ids of the mails that are cancelled and that have left", "JobCancelled"),),
        ("not-found", "nothing-to-cancel"),
        _JOB,
    ),
    "list_messages": Operation(
        (Told(200, "one page", "Messages"),),
        ("invalid", "unknown-field"),
        (*_MESSAGE_FILTER, *_PAGE),
    ),
    "read_message": Operation((Told(200, "the message", "MessageStory"),), ("not-found",), _MESSAGE),
    "cancel_message": Operation(
        (Told(200, "the message, cancelled", "MessageStory"),), ("not-found", "not-cancellable"), _MESSAGE
    ),
    "resolve_message": Operation(
        (Told(200, "the message as it stands now", "MessageStory"),),
        ("unparsable", "not-found", "not-in-doubt", "too-large", "invalid", "unknown-field"),
        _MESSAGE,
        _body("Resolution"),
    ),
    "resend_message": Operation(
        (Told(202, "the new message", "MessageStory"),), ("not-found", "resend-impossible"), _MESSAGE
    ),
    "read_institution": Operation(
        (Told(200, "the institution", "InstitutionPage"),),
        ("not-found",),
        (_path("code", CODE, "institution code"),),
    ),
    "search": Operation(
        (Told(200, "what was found, the likeliest first", "SearchResult"),),
        ("invalid", "unknown-field"),
        (_query("q", STRING, "what the caller can tell, up to 200 characters", required=True),),
    ),
    "advise": Operation(
        (Told(200, "what to tell the caller", "Procedure"),),
        ("not-found", "invalid", "unknown-field"),
        (
            _INSTITUTION,
            _query("symptom", words(list(Symptom)), "what the caller complains of", required=True),
        ),
    ),
    "plan": Operation(
        (Told(200, "when, by which rule, and why", "Plan"),),
        ("invalid", "unknown-field", "out-of-range"),
        (
            _query("kind", words(list(Kind)), "kind of mail", required=True),
            _query("at", MOMENT, "any moment of 1949 to 2099", required=True),
            _query("prefecture", PREFECTURE, "for closures of its own"),
            _query(
                "business_days",
                {"type": "integer", "minimum": 1, "maximum": MOST_BUSINESS_DAYS, "default": 1},
                "for a guide",
            ),
        ),
    ),
    "set_report": Operation(
        (Told(200, "the status on record", "ReportAnswer"),),
        ("unparsable", "too-large", "invalid", "unknown-field"),
        (
            _path("fiscal_year", FISCAL_YEAR, "the year in which the fiscal year begins, in four digits"),
            _path("institution_code", CODE, "as in the body"),
            _SCHEME,
        ),
        _body("Report"),
    ),
    "set_reports": Operation(
        (
            Told(200, "one status: what is on record", "ReportAnswer"),
            Told(207, "one result a status, in order", "ReportResults"),
        ),
        ("unparsable", "too-large", "invalid", "unknown-field"),
        (_SCHEME,),
        _batch("Report"),
    ),
    "request_address_change": Operation(
        (Told(202, "the request on record", "AddressChange"),),
        (
            "unparsable",
            "not-found",
            "reapply-instead",
            "ambiguous-institution",
            "already-requested",
            "too-large",
            "invalid",
            "unknown-field",
        ),
        body=_body("AddressChangeRequest"),
    ),
    "list_address_changes": Operation(
        (Told(200, "one page", "AddressChanges"),),
        ("invalid", "unknown-field"),
        (_INSTITUTION, _query("state", words(list(ChangeState)), "how far it is"), *_PAGE),
    ),
    "read_address_change": Operation((Told(200, "the request", "AddressChange"),), ("not-found",), _CHANGE),
    "approve_address_change": Operation(
        (Told(200, "the request, approved", "AddressChange"),),
        ("not-found", "reapply-instead", "change-not-requested"),
        _CHANGE,
    ),
    "complete_address_change": Operation(
        (Told(200, "the request, done, with the mail that follows", "AddressChange"),),
        ("unparsable", "not-found", "change-not-approved", "too-large", "invalid", "unknown-field", "no-contact"),
        _CHANGE,
        _body("AddressChangeDone"),
    ),
    "reject_address_change": Operation(
        (Told(200, "the request, rejected", "AddressChange"),),
        ("unparsable", "not-found", "change-not-open", "too-large", "invalid", "unknown-field"),
        _CHANGE,
        _body("AddressChangeRejected"),
    ),
    "list_suppressions": Operation(
        (Told(200, "one page", "Suppressions"),),
        ("invalid", "unknown-field"),
        (*_SUPPRESSION_FILTER, *_PAGE),
    ),
    "release_suppression": Operation(
        (Told(200, "the entry, released", "Suppression"),),
        ("unparsable", "not-found", "already-released", "too-large", "invalid", "unknown-field"),
        (
            _path("suppression_id", UUID, "of an entry in force"),
            _query("reason", REASON, "required where no body gives it"),
        ),
        _body("Release", required=False),
    ),
    "list_unmatched": Operation((Told(200, "one page", "UnmatchedReports"),), ("invalid", "unknown-field"), _PAGE),
    "read_unmatched": Operation(
        (Told(200, "the mail as received", None, ("message/rfc822",)),),
        ("not-found", "report-unreadable"),
        (_path("report_id", UUID, "of a report that was kept"),),
    ),
    "list_audit": Operation(
        (Told(200, "one page", "AuditTrail"),),
        ("invalid", "unknown-field"),
        (*_AUDIT_FILTER, *_PAGE),
    ),
    "export_messages": _export(*_MESSAGE_FILTER),
    "export_undelivered": _export(
        _query("prefecture", PREFECTURE, "of the institution"),
        _query("kind", words(list(Kind)), "kind of mail"),
        _INSTITUTION,
        _query("work", {**words(list(Work)), "default": "all"}, "whether somebody has to be reached still"),
    ),
    "export_to_reach": _export(
        _query(
            "fiscal_year",
            INTEGER,
            f"in which the reports are due; default: {_DEFAULT_SEASON}",
        ),
        _query("scheme", words(list(Scheme)), "what is reported; default: all"),
        _query("prefecture", PREFECTURE, "of the institution"),
    ),
    "export_suppressions": _export(*_SUPPRESSION_FILTER),
    "export_audit": _export(*_AUDIT_FILTER),
    "live": Operation((Told(200, "it does", "Alive"),), needs_token=False),
    "ready": Operation((Told(200, "it can", "Alive"),), ("unavailable",), needs_token=False),
}
