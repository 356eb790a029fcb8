"""What every mail must keep to: each rule reads one rendered case and names what it finds wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from urllib.parse import urlsplit

from core.kinds import Kind
from core.mail import MailContent, MailContext
from templates.environment import SUBJECT_PREFIX
from templates.page import Page
from templates.salutation import recipient_lines
from templates.sources import HTML, SENDER, SUBJECT, TEXT
from templates.wrapping import WIDTH, columns

EXACT_SUBJECTS: Mapping[Kind, str] = {  # rules 26, 29, 34
    Kind.PRE_CHECK: f"{SUBJECT_PREFIX}G-MISアカウント発行にかかる事前のご連絡",
    Kind.GUIDE: f"{SUBJECT_PREFIX}G-MISログインIDのお知らせ及びパスワード設定のご依頼",
    Kind.EXISTING_USER_CONFIRM: f"{SUBJECT_PREFIX}報告機関内でのG-MISご利用者の確認依頼",
}
SENDER_NAME = "G-MIS事務局"  # rule 17
LEAD = "システムをご利用するには"  # rule 31
KNOWN_HOSTS = frozenset({"www.g-mis.mhlw.go.jp", "www.med-login.mhlw.go.jp", "www.mhlw.go.jp"})
"""The hosts that mails name by themselves (rules 133-138)."""

_LONGEST_LINE = 998  # octets without CRLF, RFC 5322 section 2.1.1
_URL = re.compile(r"[a-z]+://[!-~]+")
_FACT = re.compile(
    r"[\w.+-]+@[\w.-]+\w|\d[\d-]{2,}\d"  # addresses and numbers
    r"|(?:令和|平成|昭和)(?:元|\d+)年(?:度|\d+月\d+日（.）)|「[^」]+」",  # dates, and words on the screen
    re.ASCII,
)
_JAPANESE_SPACE = re.compile(r"(?<![!-~])\s+|\s+(?![!-~])")
_WESTERN_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}|(?<!（)(?:19|20)\d\d年")
_BARE_DATE = re.compile(r"(?:令和|平成|昭和)(?:元|\d+)年\d+月\d+日(?!（[月火水木金土日]）)")
_PASSWORD = re.compile(r"パスワード(?:は|が)?[\s　]*[:：]?[\s　]*[「『]?[!-~]{4,}")
_ACTIVE_TAGS = frozenset({"script", "img", "iframe", "object", "embed", "form", "link", "video", "audio", "svg"})

Finding = tuple[str, str]
"""The file, and what is wrong with it."""


@dataclass(frozen=True)
class Case:
    """One mail as rendered, and the hosts that its links may lead to."""

    context: MailContext
    content: MailContent
    link_hosts: frozenset[str]

    @cached_property
    def page(self) -> Page:
        """The HTML as seen."""
        return Page(self.content.html)

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines."""
        return self.content.text.split("\n")

    @cached_property
    def given(self) -> frozenset[str]:
        """The values from the job, which are shown as they are, however long."""
        context = self.context
        institution = context.institution and {context.institution.name, context.institution.code}
        return frozenset({*recipient_lines(context.recipient, context.institution), *(institution or ())}) | {
            line for value in context.data.values() for line in value.splitlines()
        }


def subject_is_right(case: Case) -> Iterator[Finding]:
    """The prefix, and the exact words where the source documents give them (rules 18, 26, 29, 34)."""
    subject, exact = case.content.subject, EXACT_SUBJECTS.get(case.context.kind)
    if not subject.startswith(SUBJECT_PREFIX) or subject == SUBJECT_PREFIX:
        yield SUBJECT, f"must begin with {SUBJECT_PREFIX} and say more"
    if exact is not None and subject != exact:
        yield SUBJECT, f"must be exactly {exact}"


def sender_is_right(case: Case) -> Iterator[Finding]:
    """The display name (rule 17)."""
    name = case.content.sender_name
    if case.context.kind in EXACT_SUBJECTS and name != SENDER_NAME:
        yield SENDER, f"must be {SENDER_NAME}"
    if not name.endswith(SENDER_NAME):
        yield SENDER, f"must end in {SENDER_NAME}"


def lines_are_short(case: Case) -> Iterator[Finding]:
    """Prose is broken by hand, so that no reader breaks it anywhere else."""
    for line in case.lines:
        if columns(line) > WIDTH and not _URL.fullmatch(line) and not any(value in line for value in case.given):
            yield TEXT, f"a line is {columns(line)} columns wide, more than {WIDTH}: {line}"
    for file, body in ((TEXT, case.content.text), (HTML, case.content.html)):
        if any(len(_URL.sub("", line).encode()) > _LONGEST_LINE for line in body.split("\n")):
            yield file, f"a line is longer than {_LONGEST_LINE} octets"


def urls_are_known(case: Case) -> Iterator[Finding]:
    """Links lead by https to known hosts alone."""
    hrefs = " ".join(href for href, _ in case.page.links)
    for file, body in ((TEXT, case.content.text), (HTML, f"{case.page.text}\n{hrefs}")):
        for url in _URL.findall(body):
            parts = urlsplit(url)
            if parts.scheme != "https":
                yield file, f"links by {parts.scheme}, not https"
            elif parts.netloc not in case.link_hosts:
                yield file, f"names the unknown host {parts.netloc}"


def urls_stand_alone(case: Case) -> Iterator[Finding]:
    """A URL has its line to itself, and the link says where it leads (rules 104, 188)."""
    for line in case.lines:
        if _URL.search(line) and not _URL.fullmatch(line):
            yield TEXT, f"a URL must stand alone on its line: {_URL.sub('(URL)', line)}"
    for href, text in case.page.links:
        if _URL.search(text) and text != href:
            yield HTML, "a link shows another URL than it leads to"


def guide_leads_to_its_url(case: Case) -> Iterator[Finding]:
    """The URL follows the words of rule 31 at once (rule 188)."""
    if case.context.kind is not Kind.GUIDE:
        return
    url = case.context.data.get("setup_url", "")
    for file, lines in ((TEXT, case.lines), (HTML, case.page.texts)):
        if (LEAD, url) not in pairwise(lines):
            yield file, f"{LEAD} must stand on a line, and data.setup_url alone on the next"
    if (url, url) not in case.page.links:
        yield HTML, "data.setup_url must be a link that shows the whole URL"


def no_password(case: Case) -> Iterator[Finding]:
    """No mail ever has a password (rule 185)."""
    for file, body in ((TEXT, case.content.text), (HTML, case.page.text)):
        if _PASSWORD.search(body):
            yield file, "shows something that looks like a password"


def contacts_are_shown(case: Case) -> Iterator[Finding]:
    """Each desk with telephone and mail (rules 124, 130)."""
    desks = [case.context.secretariat, case.context.prefecture_contact]
    for contact in filter(None, desks):
        for file, body in ((TEXT, case.content.text), (HTML, case.page.text)):
            if not all(part in body for part in (contact.name, contact.phone, contact.email)):
                yield file, f"does not show name, telephone and mail of {contact.name}"


def text_and_html_agree(case: Case) -> Iterator[Finding]:
    """Both bodies name the same facts, and everything that the job gave."""
    text, html = _facts(case.content.text), _facts(case.page.text)
    for file, missing in ((HTML, text - html), (TEXT, html - text)):
        if missing:
            yield file, f"does not say what the other body says: {' '.join(sorted(missing))}"
    for file, body in ((TEXT, case.content.text), (HTML, case.page.text)):
        closed = _closed(body)
        for value in sorted(case.given):
            if _closed(value) not in closed:
                yield file, f"does not show {value[:40]}"


def _facts(body: str) -> set[str]:
    """What a body names, wherever its lines end."""
    return {*_URL.findall(body), *_FACT.findall(_JAPANESE_SPACE.sub("", _URL.sub("", body)))}


def _closed(text: str) -> str:
    return "".join(text.split())


def dates_are_japanese(case: Case) -> Iterator[Finding]:
    """Era years, and the weekday in brackets (rule 175)."""
    for file, body in ((SUBJECT, case.content.subject), (TEXT, case.content.text), (HTML, case.page.text)):
        closed = _closed(_URL.sub("", body))
        if _WESTERN_DATE.search(closed):
            yield file, "shows a western date; dates stand in the Japanese era"
        if _BARE_DATE.search(closed):
            yield file, "shows a date without its weekday"


def html_is_inert(case: Case) -> Iterator[Finding]:
    """Nothing in the HTML runs or is fetched, and it says its language."""
    active = case.page.tags & _ACTIVE_TAGS
    if active:
        yield HTML, f"uses {', '.join(sorted(active))}; a mail runs nothing and fetches nothing"
    if any(name.startswith("on") or "url(" in value for name, value in case.page.attributes):
        yield HTML, "has a script or a picture in an attribute"
    if ("lang", "ja") not in case.page.attributes:
        yield HTML, 'does not say lang="ja"'


RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    subject_is_right,
    sender_is_right,
    lines_are_short,
    urls_are_known,
    urls_stand_alone,
    guide_leads_to_its_url,
    no_password,
    contacts_are_shown,
    text_and_html_agree,
    dates_are_japanese,
    html_is_inert,
)
"""Every rule, in the order in which findings are told."""
