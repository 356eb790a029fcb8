"""To whom a mail speaks: every way in which department and person may be missing."""

import pytest

from core.kinds import InstitutionType
from core.mail import Institution, Recipient
from templates.salutation import recipient_lines

HOSPITAL = Institution("3510012345", "周南みなと病院", InstitutionType.HOSPITAL, "35")


@pytest.mark.parametrize(
    ("department", "family", "given", "lines"),
    [
        ("総務課", "田中", "花子", ("周南みなと病院", "総務課", "田中 花子 様")),
        (None, "田中", "花子", ("周南みなと病院", "田中 花子 様")),
        ("総務課", "田中", None, ("周南みなと病院", "総務課", "田中 様")),
        ("総務課", None, "花子", ("周南みなと病院", "総務課", "花子 様")),
        ("総務課", None, None, ("周南みなと病院", "総務課 御中")),
        (None, None, None, ("周南みなと病院 御中",)),
        ("　", " ", "", ("周南みなと病院 御中",)),
        ("", "田中", " ", ("周南みなと病院", "田中 様")),
    ],
)
def test_recipient_lines(department, family, given, lines):
    assert recipient_lines(Recipient("soumu@example.jp", department, family, given), HOSPITAL) == lines


def test_without_institution_the_person_in_charge_is_addressed():
    assert recipient_lines(Recipient("soumu@example.jp", "総務課", "田中"), None) == ("ご担当者 様",)


def test_a_name_cannot_pose_as_further_lines():
    recipient = Recipient("soumu@example.jp", "総務課\u2028偽の行", "田中\r\nhttps://example.jp/", None)
    lines = recipient_lines(recipient, HOSPITAL)
    assert lines == ("周南みなと病院", "総務課 偽の行", "田中 https://example.jp/ 様")


@pytest.mark.parametrize("name", ["髙﨑病院", "㈱①薬局", "医療法人　神の手", "𠮷田医院", "ｱｲ薬局"])
def test_names_are_never_changed(name):
    institution = Institution("1", name, InstitutionType.CLINIC, "13")
    assert recipient_lines(Recipient("a@example.jp"), institution) == (f"{name} 御中",)
