"""Whatever the facts are: an answer, whole and discreet."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.jobs import Note
from core.jst import TOKYO
from core.kinds import Account, InstitutionType, Kind, Route, Scheme
from core.mail import Contact
from core.reports import Reason
from core.statuses import Status
from helpdesk.advice import advise
from helpdesk.facts import (
    ApplicationFacts,
    ChangeFacts,
    InstitutionFacts,
    MessageFacts,
    PrefectureFacts,
    ReportingFacts,
    ReportKey,
    ReportPeriod,
    SuppressionFacts,
)
from helpdesk.resend import issued_refusal, resend_refusal
from helpdesk.summary import summarise
from helpdesk.vocabulary import Desk, ProcedureId, ReportStatus, Symptom

DAYS = st.dates(date(2023, 11, 13), date(2030, 12, 31))
MOMENTS = DAYS.map(lambda day: datetime(day.year, day.month, day.day, 23, tzinfo=TOKYO))
REASONS = st.sampled_from(
    [None, *Reason, "withdrawn", "retries-exhausted", "pre-check-undelivered", "pre-check-expired", "guide-expired"]
)
NOTES = st.sampled_from([None, Note.NO_MAIL_PERMITTED, Note.NO_MAIL_PREFECTURE_TELLS])

REPORT_KEYS = st.builds(ReportKey, st.sampled_from(Scheme), st.sampled_from([2025, 2026]))
PERIODS = st.none() | DAYS.map(lambda start: ReportPeriod(start, start + timedelta(days=85)))
REPORTS = st.builds(
    ReportingFacts,
    REPORT_KEYS,
    st.sampled_from(ReportStatus),
    MOMENTS,
    st.booleans(),
    PERIODS,
    on_paper=st.booleans(),
) | (st.builds(ReportingFacts, REPORT_KEYS, period=PERIODS, current=st.booleans(), on_paper=st.booleans()))

MESSAGES = st.builds(
    MessageFacts,
    id=st.uuids().map(str),
    kind=st.sampled_from(Kind),
    status=st.sampled_from(Status),
    email=st.just("himitsu@example.jp"),
    created_at=MOMENTS,
    status_at=MOMENTS,
    settled=st.booleans(),
    due_at=st.none() | MOMENTS,
    sent_at=st.none() | MOMENTS,
    expires_at=st.none() | MOMENTS,
    reason=REASONS,
    enhanced_code=st.sampled_from([None, "4.2.2", "5.1.1"]),
    report=st.none() | REPORT_KEYS,
)
MAILS = st.lists(MESSAGES, max_size=5).map(tuple)
APPLICATIONS = st.builds(
    ApplicationFacts,
    id=st.uuids().map(str),
    route=st.sampled_from(Route),
    account=st.none() | st.sampled_from(Account),
    received_on=DAYS,
    created_at=MOMENTS,
    approved_on=st.none() | DAYS,
    decided_rule=NOTES,
    messages=MAILS,
)
INSTITUTIONS = st.builds(
    InstitutionFacts,
    code=st.just("3510012345"),
    name=st.none() | st.just("周南みなと病院"),
    type=st.none() | st.sampled_from(InstitutionType),
    prefecture=st.none() | st.just("35"),
    known=st.booleans(),
    applications=st.lists(APPLICATIONS, max_size=4).map(tuple),
    messages=MAILS,
    reporting=st.lists(REPORTS, max_size=3, unique_by=lambda report: report.key).map(tuple),
    changes=st.lists(
        st.builds(
            ChangeFacts,
            st.just("himitsu@example.jp"),
            st.just("依頼受付"),
            MOMENTS,
            st.tuples(DAYS, DAYS),
            st.none() | st.just("m-1"),
        ),
        max_size=2,
    ).map(tuple),
    suppressed=st.lists(st.builds(SuppressionFacts, st.just("himitsu@example.jp"), st.booleans()), max_size=1).map(
        tuple
    ),
)
PREFECTURES = st.builds(
    PrefectureFacts,
    code=st.just("35"),
    name=st.none() | st.just("山口県"),
    contact=st.none() | st.just(Contact("山口県医療政策課", "083-933-2924", "a11700@pref.yamaguchi.lg.jp")),
    secretariat=st.just(Contact("厚生労働省 G-MIS事務局", "050-3355-8230", "helpdesk@gmis.mhlw.go.jp")),
    desks=st.dictionaries(st.sampled_from(Symptom), st.sampled_from(Desk)),
    issue_weeks=st.tuples(st.integers(0, 4), st.integers(4, 9)),
    trouble_day=st.integers(1, 60),
    paper_accepted=st.none() | st.booleans(),
    insurance_prefix=st.none() | st.just("351"),
    period=PERIODS,
    notice=st.none() | st.just("県からのお知らせです。"),
)


def check_discreet(procedure):
    text = str(procedure.as_dict())
    assert "himitsu" not in text
    assert not re.search(r"[{}]", "".join((procedure.summary, *procedure.steps, *procedure.not_possible)))


@given(facts=INSTITUTIONS, prefecture=PREFECTURES, today=DAYS, symptom=st.sampled_from(Symptom))
def test_there_is_always_an_answer(facts, prefecture, today, symptom):
    procedure = advise(symptom, facts, prefecture, today)
    assert procedure.id in ProcedureId
    assert procedure.steps
    assert procedure.contact in (prefecture.contact, prefecture.secretariat)
    check_discreet(procedure)


@given(facts=INSTITUTIONS, prefecture=PREFECTURES, today=DAYS)
def test_there_is_always_one_sentence(facts, prefecture, today):
    sentence = summarise(facts, prefecture, today)
    assert sentence.endswith("。")
    assert sentence.count("。") == 1


@given(facts=INSTITUTIONS, prefecture=PREFECTURES, today=DAYS, kind=st.sampled_from(Kind))
def test_there_is_always_a_way_out_of_a_refusal(facts, prefecture, today, kind):
    refusals = [resend_refusal(kind, facts, prefecture, today), issued_refusal(facts, prefecture, today)]
    refusals += [resend_refusal(m.kind, facts, prefecture, today, message_id=m.id) for m in facts.all_messages]
    refusals += [issued_refusal(facts, prefecture, today, application_id=a.id) for a in facts.applications]
    for procedure in refusals:
        if procedure is not None:
            assert procedure.steps
            assert any("再送できません" in line for line in procedure.not_possible)
            check_discreet(procedure)


@given(facts=INSTITUTIONS, prefecture=PREFECTURES, today=DAYS, symptom=st.sampled_from(Symptom))
def test_the_order_of_the_facts_does_not_matter(facts, prefecture, today, symptom):
    shuffled = InstitutionFacts(
        facts.code,
        facts.name,
        facts.type,
        facts.prefecture,
        facts.known,
        facts.applications[::-1],
        facts.messages,
        facts.reporting,
        facts.suppressed,
        facts.changes,
    )
    keys = {(application.received_on, application.created_at) for application in facts.applications}
    if len(keys) == len(facts.applications):
        assert advise(symptom, shuffled, prefecture, today) == advise(symptom, facts, prefecture, today)
