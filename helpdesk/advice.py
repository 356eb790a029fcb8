"""The helpdesk's answer to a caller: which procedure, filled in with the facts of the case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from helpdesk.case import Case, open_case
from helpdesk.decisions import choose
from helpdesk.desks import contact_of, desk_for
from helpdesk.facts import InstitutionFacts, PrefectureFacts
from helpdesk.procedures import Procedure
from helpdesk.summary import sentence
from helpdesk.vocabulary import Desk, ProcedureId, Symptom
from helpdesk.wording import Edition, ProcedureText, Texts, built_in_texts, said


def advise(
    symptom: Symptom,
    facts: InstitutionFacts,
    prefecture: PrefectureFacts,
    today: date,
    *,
    texts: Texts | None = None,
) -> Procedure:
    """The procedure for this symptom; there is one in every state, also for an unknown institution.

    `today` is the date in Asia/Tokyo. Raises `WrongPrefecture` for the settings of another prefecture.
    """
    case = open_case(facts, prefecture, today, symptom)
    return write(choose(symptom, case), case, texts or built_in_texts())


def write(procedure: ProcedureId, case: Case, texts: Texts) -> Procedure:
    """The words of a procedure for this case."""
    edition = texts.edition(case.prefecture.code)
    text = edition.procedures[procedure]
    return _filled(procedure, text, replace(case, desk=_desk(text, case)), edition)


def _filled(procedure: ProcedureId, text: ProcedureText, case: Case, edition: Edition) -> Procedure:
    return Procedure(
        id=procedure,
        title=next(iter(said(text.titles, case)), text.title),
        steps=said(text.steps + edition.common, case),
        contact=contact_of(case.desk, case.prefecture),
        urls=said(text.urls, case),
        not_possible=said(text.not_possible, case),
        who=text.who,
        version=text.version,
        summary=sentence(case, edition),
    )


def _desk(text: ProcedureText, case: Case) -> Desk:
    if isinstance(text.desk, Desk):
        return text.desk
    question = text.desk or case.symptom
    return Desk.PREFECTURE if question is None else desk_for(question, case.prefecture)
