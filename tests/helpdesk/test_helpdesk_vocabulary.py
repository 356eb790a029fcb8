"""The closed lists of contract section 9, and the words that people read for them."""

from __future__ import annotations

from helpdesk.vocabulary import ProcedureId, Symptom

PROCEDURES = """
    wait free-mailbox check-spam-folder change-address check-url-access reapply find-existing-account
    ask-login-id-and-reset-password confirm-permission reset-password press-report-button contact-secretariat
    contact-prefecture use-login-url allow-popups choose-gmis use-report-account check-period use-new-report
    ask-institution-code get-mail-address report-on-paper
"""
SYMPTOMS = """
    not-arrived mailbox-full in-spam person-left cannot-view url-unreachable url-shows-login lost-guide unknown-login-id
    unknown-password no-permission reminded-though-reported reset-mail-not-arrived sso-error home-screen-not-shown
    which-system button-missing report-button-greyed unknown-institution-code wrong-institution-code no-mail-address
    no-internet
"""


def test_the_lists_are_those_of_the_contract():
    assert [procedure.value for procedure in ProcedureId] == PROCEDURES.split()
    assert [symptom.value for symptom in Symptom] == SYMPTOMS.split()


def test_every_symptom_has_a_label_of_its_own():
    assert len({symptom.label for symptom in Symptom}) == len(Symptom)
