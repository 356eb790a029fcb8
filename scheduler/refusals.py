"""Why a valid job may not be accepted: once an application, by the rule table, with a contact (contract section 3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from core.errors import FieldError
from core.jobs import Job
from core.jst import tokyo_date
from core.kinds import Kind, Scheme
from core.problems import Problem, field_problem
from core.statuses import FINAL, Status
from scheduler.ports import Timing
from scheduler.reminders import ReminderRules
from scheduler.rules import Follow, contradiction, decides_otherwise, follow, rule_violation
from store.intake import Known


class Refused(Exception):
    """A valid job that may not be accepted; `issued_to` names the application whose procedure goes with it."""

    def __init__(self, problem: Problem, issued_to: tuple[str, str] | None = None) -> None:
        self.problem = problem
        self.issued_to = issued_to
        super().__init__(problem.code)


class Refusals:
    """Judges valid jobs against what is on record, in the contract's order."""

    def __init__(self, timing: Timing, reminders: ReminderRules, has_contact: Callable[[str], bool]) -> None:
        self._timing = timing
        self._reminders = reminders
        self._has_contact = has_contact

    def judge(self, job: Job, found: Known, now: datetime) -> Follow:
        """What follows from a job that may be accepted. Raises Refused."""
        self._refuse_other_institution(job, found)
        self._refuse_issued(job, found)
        violation = rule_violation(job) or self._contradiction(job, found) or self._otherwise(job, found)
        if violation is not None:
            raise _refused(violation[1], violation[0], violation[2])
        if job.kind is Kind.GUIDE:
            self._refuse_lone_guide(job, found)
        if job.kind is Kind.REMINDER:
            self._refuse_reminder(job, found, now)
        decided = follow(job)
        self._refuse_without_contact(job, decided)
        return decided

    def _refuse_other_institution(self, job: Job, found: Known) -> None:
        if job.application is None or job.institution is None:
            return
        known = found.applications.get(job.application.id)
        if known is not None and known.institution_code != job.institution.code:
            raise _refused("another-institution", "application.id", "this application belongs to another institution")

    def _refuse_issued(self, job: Job, found: Known) -> None:
        if job.kind not in (None, Kind.GUIDE, Kind.PRE_CHECK) or job.application is None or job.institution is None:
            return
        known = found.applications.get(job.application.id)
        issued = known is not None and known.issue_job_id is not None
        sent = found.messages.get(job.application.id, {})
        probed = Kind.PRE_CHECK in sent and job.kind is not Kind.GUIDE
        if issued or probed:
            raise Refused(Problem("already-issued"), (job.institution.code, job.application.id))

    def _contradiction(self, job: Job, found: Known) -> tuple[str, str, str] | None:
        """What was decided of an application is not decided another way by a later job."""
        if job.application is None:
            return None
        known = found.applications.get(job.application.id)
        if known is None or known.account is None:
            return None
        decided = known.issue_job_id is not None or job.application.id in found.messages
        return contradiction(job, known.route, known.account) if decided else None

    def _otherwise(self, job: Job, found: Known) -> tuple[str, str, str] | None:
        """What was approved is not rejected by a later job, nor the other way round."""
        if job.application is None:
            return None
        application_id = job.application.id
        approved, rejected = application_id in found.approved, application_id in found.rejected
        return decides_otherwise(job, approved=approved, rejected=rejected)

    def _refuse_lone_guide(self, job: Job, found: Known) -> None:
        assert job.application is not None
        pre_check = found.messages.get(job.application.id, {}).get(Kind.PRE_CHECK)
        if pre_check is None:
            raise _refused("no-pre-check", "application.id", "no pre-check of this application was published")
        if pre_check.email_key != job.recipient.email.lower():
            raise _refused("recipient-differs", "recipient.email", "differs from the recipient of the pre-check")
        if pre_check.status in FINAL and pre_check.status is not Status.SENT:
            raise _refused("pre-check-undelivered", "application.id", f"the pre-check is {pre_check.status}")

    def _refuse_reminder(self, job: Job, found: Known, now: datetime) -> None:
        assert job.institution is not None
        scheme = job.scheme or Scheme.default_for(job.institution.type)
        if (job.institution.code, job.fiscal_year, scheme) in found.on_paper:
            raise _refused("paper-channel", "institution.code", "this institution reports on paper")
        at = max(now, job.not_before or now)
        due_at = self._timing.first_due(Kind.REMINDER, at, job.institution.prefecture)
        if self._reminders.direct_step_key(job, due_at) in found.step_keys:
            raise _refused("already-reminded", "institution.code", "a reminder for the same step is on record")
        if self._reminders.would_name_a_past_deadline(job, tokyo_date(due_at)):
            raise Refused(field_problem([FieldError("data.deadline", "past", "is over when the reminder leaves")]))

    def _refuse_without_contact(self, job: Job, decided: Follow) -> None:
        if not decided.kinds or job.kind is Kind.CODE or job.institution is None:
            return
        if not self._has_contact(job.institution.prefecture):
            raise _refused("no-contact", "institution.prefecture", "no contact is configured for this prefecture")


def _refused(code: str, field: str, detail: str) -> Refused:
    return Refused(Problem(code, errors=[FieldError(field, code, detail)]))
