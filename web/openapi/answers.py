"""What comes out: the bodies of answers."""

from __future__ import annotations

from collections.abc import Mapping

from core.kinds import Account, Kind, Route, Scheme
from core.problems import TITLES
from core.statuses import Status
from helpdesk.vocabulary import ProcedureId
from scheduler.report_parsing import STATUSES
from scheduler.rules import RULES
from store.address_changes import ChangeState
from store.people import NOBODY, Role
from store.searching import TermKind
from web.openapi.parts import (
    ANY_OBJECT,
    BOOLEAN,
    CODE,
    DATE,
    IDENTIFIER,
    INTEGER,
    MOMENT,
    PREFECTURE,
    STRING,
    UUID,
    Schema,
    array,
    nullable,
    page,
    ref,
    told,
    words,
)

_NOTE: Schema = {
    "type": "string",
    "description": "codes of docs/notes-and-reasons.md, joined by commas",
    "examples": ["guide-already-sent"],
}
_REASON: Schema = {
    "type": "string",
    "description": "why it failed (docs/bounce-reasons.md), or did not leave (docs/notes-and-reasons.md)",
    "examples": ["userunknown", "already-reported"],
}
_JOB_ANSWER = told(
    {
        "job_id": IDENTIFIER,
        "messages": array(
            told(
                {
                    "id": UUID,
                    "kind": words(list(Kind)),
                    "status": words(list(Status)),
                    "due_at": nullable(MOMENT),
                    "waits_for": nullable(UUID),
                    "rule": words(RULES),
                },
            ),
        ),
        "note": nullable(_NOTE),
    },
)
_HTTP_STATUS: Schema = {
    "type": "object",
    "properties": {"http_status": INTEGER},
    "required": ["http_status"],
    "description": "what the single item would have been answered, plus `http_status`",
}


def _results(good: str) -> Schema:
    """One answer an item: a good one or a problem."""
    return told({"results": array({"allOf": [_HTTP_STATUS, {"anyOf": [ref(good), ref("Problem")]}]})})


_MESSAGE_KEYS: Mapping[str, Schema] = {
    "id": UUID,
    "job_id": nullable(IDENTIFIER),
    "kind": words(list(Kind)),
    "status": words(list(Status)),
    "label": {"type": "string", "examples": ["送信完了（確認中）"]},
    "settled": BOOLEAN,
    "application_id": nullable(IDENTIFIER),
    "institution_code": nullable(CODE),
    "email": {"type": "string", "description": "whole or masked, by the role", "examples": ["s***@example.jp"]},
    "created_at": MOMENT,
    "due_at": nullable(MOMENT),
    "sent_at": nullable(MOMENT),
    "attempts": INTEGER,
    "next_attempt_at": nullable(MOMENT),
    "reason": nullable(_REASON),
    "smtp_code": nullable(INTEGER),
    "enhanced_code": nullable({"type": "string", "examples": ["5.1.1"]}),
    "diagnostic": nullable(STRING),
    "bounce_class": nullable(words(["hard", "soft"])),
    "rule": words(RULES),
    "expires_at": nullable(MOMENT),
    "waits_for": nullable(UUID),
}
_REPORT_TIED = told(
    {
        "id": UUID,
        "received_at": MOMENT,
        "type": nullable(STRING),
        "state": STRING,
        "action": nullable(STRING),
        "enhanced_code": nullable(STRING),
        "smtp_code": nullable(INTEGER),
        "reason": nullable(STRING),
        "bounce_class": nullable(STRING),
        "diagnostic": nullable(STRING),
    },
)
_DELIVERY = told(
    {
        "reason": nullable(STRING),
        "bounce_class": nullable(STRING),
        "smtp_code": nullable(INTEGER),
        "enhanced_code": nullable(STRING),
        "diagnostic": nullable(STRING),
        "attempts": INTEGER,
        "first_attempt_at": nullable(MOMENT),
        "sent_at": nullable(MOMENT),
        "settles_at": nullable(MOMENT),
        "message_id_header": STRING,
        "resend_of": nullable(UUID),
        "reports": array(_REPORT_TIED),
    },
)
_EVENT = told({"at": MOMENT, "type": STRING, "status": words(list(Status)), "detail": ANY_OBJECT})
_JOB_KEYS: Mapping[str, Schema] = {
    "job_id": IDENTIFIER,
    "kind": STRING,
    "application_id": nullable(IDENTIFIER),
    "institution_code": nullable(CODE),
    "created_at": MOMENT,
    "note": nullable(_NOTE),
    "messages": array(ref("Message")),
}
_PROCEDURE = told(
    {
        "id": words(list(ProcedureId)),
        "title": STRING,
        "steps": array(STRING),
        "contact": told({"name": STRING, "phone": STRING, "email": STRING}),
        "urls": array(STRING),
        "not_possible": array(STRING),
        "who": STRING,
        "version": STRING,
        "summary": STRING,
    },
)
_APPLICATION_SHOWN = told(
    {
        "id": IDENTIFIER,
        "route": words(list(Route)),
        "account": nullable(words(list(Account))),
        "received_on": DATE,
        "approved_on": nullable(DATE),
        "created_at": MOMENT,
        "decision": {
            **nullable(STRING),
            "description": "`mail`, or the rule by which no mail follows; null while nothing is decided",
        },
        "messages": array(ref("Message")),
    },
)
_REPORTING_SHOWN = told(
    {
        "fiscal_year": INTEGER,
        "scheme": words(list(Scheme)),
        "status": STRING,
        "as_of": MOMENT,
        "channel": STRING,
        "last_year_data": BOOLEAN,
    },
)
_INSTITUTION_PAGE = told(
    {
        "institution": ref("Institution"),
        "applications": array(_APPLICATION_SHOWN),
        "messages": array(ref("Message")),
        "reports": array(_REPORTING_SHOWN),
        "summary": {"type": "string", "examples": ["G-MIS利用案内メールは 12月28日（月）に不達になりました。"]},
        "procedure": ref("Procedure"),
    },
)
_SEARCH_RESULT = told(
    {
        "kind": {**nullable(words(list(Kind))), "description": "the kind of mail that was named in the caller's words"},
        "institutions": array(
            told(
                {
                    "code": CODE,
                    "name": STRING,
                    "type": STRING,
                    "prefecture": PREFECTURE,
                    "matched": array(told({"by": words(["name", *TermKind]), "value": STRING})),
                },
            ),
        ),
        "messages": array(ref("Message")),
        "more": {**BOOLEAN, "description": "true: more institutions than these; say more"},
    },
)
_ADDRESS_CHANGE = told(
    {
        "id": UUID,
        "state": words(list(ChangeState)),
        "label": {"type": "string", "examples": ["依頼受付"]},
        "institution_code": CODE,
        "institution_name": {**STRING, "description": "as typed"},
        "registered_name": {**STRING, "description": "as registration systems have it"},
        "prefecture": PREFECTURE,
        "old_email": STRING,
        "new_email": STRING,
        "due_from": DATE,
        "due_to": DATE,
        "next_step": {**STRING, "description": "what happens next and who does it, in Japanese"},
        "requested_at": MOMENT,
        "requested_by": STRING,
        "approved_at": nullable(MOMENT),
        "approved_by": nullable(STRING),
        "done_at": nullable(MOMENT),
        "done_by": nullable(STRING),
        "rejected_at": nullable(MOMENT),
        "rejected_by": nullable(STRING),
        "rejected_why": nullable(STRING),
        "login_id": nullable(STRING),
        "message": {
            **nullable(told({"id": UUID, "status": words(list(Status)), "due_at": nullable(MOMENT)})),
            "description": "the mail that tells the login ID",
        },
    },
)
_SUPPRESSION = told(
    {
        "id": UUID,
        "email": STRING,
        "institution_code": CODE,
        "scope": words(["all", "reminder"]),
        "reason": STRING,
        "message_id": nullable(UUID),
        "created_at": MOMENT,
        "released_at": nullable(MOMENT),
        "released_by": nullable(STRING),
        "released_why": nullable(STRING),
    },
)
_UNMATCHED = told(
    {
        "id": UUID,
        "received_at": MOMENT,
        "peer": STRING,
        "token_digest": nullable(STRING),
        "state": words(["unmatched", "refused"]),
        "reason": nullable(STRING),
        "type": nullable(STRING),
        "message_id": nullable(UUID),
        "recipients": array(ANY_OBJECT),
        "size": nullable(INTEGER),
    },
)
_AUDIT = told(
    {
        "id": STRING,
        "at": MOMENT,
        "actor": STRING,
        "role": words([*Role, NOBODY]),
        "action": STRING,
        "subject": STRING,
        "prefecture": nullable(PREFECTURE),
        "detail": ANY_OBJECT,
    },
)
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `errors` is empty where no field is to blame. A 409 `resend-impossible`, "
    "`already-issued` or `reapply-instead` brings a `procedure` as well, `ambiguous-institution` the `candidates`, "
    "`already-requested` the `address_change_id`, `already-released` the `institution_code`; `resend-impossible` the "
    "`message_id` of a copy that is on its way or has left within the last minute; `nothing-to-cancel` the ids of "
    "mails that have `left`.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/invalid"]},
        "title": STRING,
        "status": INTEGER,
        "code": words(list(TITLES)),
        "detail": STRING,
        "errors": array(
            told(
                {
                    "field": {"type": "string", "examples": ["recipient.email"]},
                    "code": {"type": "string", "examples": ["required"]},
                    "detail": STRING,
                },
            ),
        ),
        "procedure": ref("Procedure"),
        "candidates": array(ref("Institution")),
        "address_change_id": UUID,
        "message_id": UUID,
        "institution_code": CODE,
        "left": array(UUID),
    },
    "required": ["type", "title", "status", "code", "errors"],
}

ANSWERS: Mapping[str, Schema] = {
    "JobAnswer": _JOB_ANSWER,
    "JobState": told(_JOB_KEYS),
    "JobCancelled": told({**_JOB_KEYS, "cancelled": array(UUID), "left": array(UUID)}),
    "JobResults": _results("JobAnswer"),
    "ReportResults": _results("ReportAnswer"),
    "Message": told(_MESSAGE_KEYS),
    "MessageStory": told({**_MESSAGE_KEYS, "delivery": _DELIVERY, "events": array(_EVENT)}),
    "Messages": page("Message"),
    "Procedure": _PROCEDURE,
    "InstitutionPage": _INSTITUTION_PAGE,
    "Plan": told({"due_at": MOMENT, "rule": words(RULES), "because": array(STRING)}),
    "ReportAnswer": told(
        {
            "fiscal_year": INTEGER,
            "institution_code": CODE,
            "scheme": words(list(Scheme)),
            "status": words(STATUSES),
            "as_of": MOMENT,
            "stale": {
                **BOOLEAN,
                "description": "true: an older word than the one on record, which is what `status` and `as_of` tell; "
                "nothing was changed",
            },
        },
    ),
    "SearchResult": _SEARCH_RESULT,
    "AddressChange": _ADDRESS_CHANGE,
    "AddressChanges": page("AddressChange"),
    "Suppression": _SUPPRESSION,
    "Suppressions": page("Suppression"),
    "UnmatchedReport": _UNMATCHED,
    "UnmatchedReports": page("UnmatchedReport"),
    "AuditEntry": _AUDIT,
    "AuditTrail": page("AuditEntry"),
    "Alive": told({"status": STRING}),
    "Problem": _PROBLEM,
}
