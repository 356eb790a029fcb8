"""One plain sentence on how an institution's account issuing stands."""

from __future__ import annotations

from datetime import date

from helpdesk.case import Case, open_case
from helpdesk.facts import InstitutionFacts, PrefectureFacts
from helpdesk.wording import Edition, Texts, built_in_texts


def summarise(
    facts: InstitutionFacts,
    prefecture: PrefectureFacts,
    today: date,
    *,
    texts: Texts | None = None,
) -> str:
    """One Japanese sentence, such as 「G-MIS利用案内メールは 12月28日（月）に不達になりました。」."""
    case = open_case(facts, prefecture, today)
    return sentence(case, (texts or built_in_texts()).edition(prefecture.code))


def sentence(case: Case, edition: Edition) -> str:
    """The first sentence of the edition that applies."""
    return next(line.filled(case) for line in edition.summary if line.applies(case))
