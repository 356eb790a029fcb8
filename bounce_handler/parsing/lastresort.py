"""Readers for reports that name their recipients in no list: labels, dialogues, headers, subjects.

Each takes the mail and gives what it finds; the parser asks them in order of how much they can be trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from bounce_handler.parsing import (
    addresses,
    blocks,
    context,
    delivery_status,
    harmless,
    mime,
    notices,
    original,
    replying,
)
from bounce_handler.parsing.findings import Finding
from bounce_handler.parsing.mail import Mail
from core.reports import Action

_LABELS = "|".join(
    (
        # Ipswitch IMail, also called SMTP32
        r"unknown user|unknown host|invalid user|invalid final delivery userid|undeliverable to|mailbox full",
        r"user mailbox exceeds allowed size|user mailbox full|(?:user's )?mailbox is full",
        r"delivery failed \d{1,4} attempts",
        # PMDF and iPlanet Messaging Server, InterMail, MMS gateways, hMailServer, MDaemon
        r"recipient address|recipients?|rcpt to|undeliverable address|failed (?:recipient|address)|to address",
        r"e?-?mail address|address",
        # X.400 gateways
        r"c=[^\n]{0,120};dda:smtp",
        r"(?:(?:宛て?|あて|送[信付]|配[信送達]|お?届け)先|受[信取]者|受取人|エラー|不達|未達|対象|該当)の?(?:(?:電子)?メール)?(?:アドレス)?"
        r"|(?:電子)?メールアドレス",
    )
)
_LABELLED = re.compile(
    rf"^{notices.BULLET}+(?:(?:in|sent|out)[: ]{{1,8}}(?:>>> ?)?|hmailserver sent: )?(?:{_LABELS})"
    rf"(?:[（(][^()（）\n]{{1,20}}[）)])?[0-9０-９①-⑳]{{0,3}}"
    rf"[ \t\u3000]{{0,20}}[:=：】］\]][ \t\u3000:：]*+[<＜「]?({addresses.PATTERN})",
    re.IGNORECASE | re.MULTILINE,
)
_LIST_ADMIN = re.compile(r"([\w.+-]{1,64})-admin@([\w.-]{1,255})")
_DESKS = ("postmaster", "mailer-daemon", "support", "help", "abuse", "admin", "info@", "contact", "webmaster", "noc@")
_NO_NAMES = re.compile(
    r"(?:no|nr|id)?[.#-]?\d{1,3}|no|to|cc|bcc|rcpt|recipients?|e?-?mail|user|address|code|status|error|result|reason|host"
    r"|date|from|sender|subject|message|size|detail|details|action|server|reply|response|smtp|dsn|diagnostic|remote|name",
    re.IGNORECASE,
)
"""Counters and headings, which begin the lines of tables."""
_BARE_NAME = re.compile(
    r"^[ \t]+([A-Za-z0-9_.+=-]{1,64})(?:[ \t]*\([^()\n]{0,100}\)|[ \t]{2,}\S[^\n]{0,100})?[ \t]*$", re.MULTILINE
)


def fields_in_text(mail: Mail) -> list[Finding]:
    """RFC 3464 fields that stand in the text itself (Amazon WorkMail, gateways that flatten reports)."""
    text = mail.notice[: notices.MAX_NOTICE]
    found = delivery_status.read(text) if "-recipient" in text.lower() else []
    if found and not found[0].address:
        return []
    context.enrich(found, text)
    for finding in found:
        finding.action = finding.action or action_by_codes(mail, finding)
    return found


def labelled(mail: Mail) -> list[Finding]:
    """Lines such as `Unknown user: a@example.jp`, each with the text up to the next."""
    text = mail.naming[: notices.MAX_NOTICE]
    matches = list(_LABELLED.finditer(text))[: notices.MAX_RECIPIENTS]
    ends = [match.start() for match in matches[1:]] + [len(text)][: len(matches)]
    found = {
        match.group(1).lower(): (addresses.trim(match.group(1)), text[match.start() : end], text[match.end() : end])
        for match, end in zip(matches, ends, strict=True)
    }
    return [notices.finding(*block) for block in found.values()]


def failed_recipients_header(mail: Mail) -> list[Finding]:
    """X-Failed-Recipients, which Exim, Google and Mail.Ru write."""
    return _all_with_notice(mail, addresses.find(" ".join(mail.headers.all("x-failed-recipients"))))


def lines_with_address(mail: Mail) -> list[Finding]:
    """Lines that begin with an address, whatever stands above them."""
    return notices.on_lines(mail.naming[: notices.MAX_NOTICE], mail.own_addresses)


def mailing_list(mail: Mail) -> list[Finding]:
    """The list that refused the mail: fml writes from its `-admin` address and names itself in X-MLServer."""
    match = _LIST_ADMIN.search(mail.sender) if "x-mlserver" in mail.headers else None
    return _all_with_notice(mail, [f"{match.group(1)}@{match.group(2)}"] if match else [])


def subject_address(mail: Mail) -> list[Finding]:
    """An address in the subject that is not the report's own."""
    found = [address for address in addresses.find(mail.subject) if address not in mail.own_addresses]
    return _all_with_notice(mail, found)


def bare_names(mail: Mail) -> list[Finding]:
    """Local parts on lines below an opening, as AOL, GroupWise and campus hubs print them.

    The domain is that of the returned message's addressee of this name, else the reporter's. Where whole addresses
    stand beside them, those are the recipients.
    """
    domain = addresses.domain(addresses.first(mail.sender))
    text = notices.below_opening(mail) if domain else ""
    if _of_recipients(mail, notices.mentioned(text)):
        return []
    known = {address.partition("@")[0]: address for address in _addressees(mail)}
    lines = islice(_BARE_NAME.finditer(text), notices.MAX_RECIPIENTS)
    named = {line[1]: line[0] for line in lines if line[1] in known or not _NO_NAMES.fullmatch(line[1])}
    return [notices.finding(known.get(name, f"{name}@{domain}"), line, line) for name, line in named.items()]


def sole_address(mail: Mail) -> list[Finding]:
    """The one address that a notice mentions, desks that help aside: a robot's, or one that quotes a refusal."""
    if not (mail.is_from_robot or mail.quotes_refusal):
        return []
    found = _of_recipients(mail, notices.mentioned(mail.naming[: notices.MAX_NOTICE]))
    return _all_with_notice(mail, found) if len(found) == 1 else []


def _of_recipients(mail: Mail, found: Iterable[str]) -> list[str]:
    """Those that are neither the report's own nor a desk that helps."""
    return [one for one in found if one.lower() not in mail.own_addresses and not one.lower().startswith(_DESKS)]


def addressee(mail: Mail) -> list[Finding]:
    """Whom the returned message was addressed to, where the report names nobody and that was one person."""
    found = _addressees(mail)
    return _all_with_notice(mail, found) if len(found) == 1 else []


def unnamed(mail: Mail) -> list[Finding]:
    """What a mail system says of the message as a whole, naming nobody: a finding without an address.

    Nothing but the null path tells whose it is, and nothing is returned, so that it must say in words what happened,
    and no more: receipts and digests speak of failures too, and phishing mails have a link.
    """
    if not (mail.is_from_machine and mail.has_null_path):
        return []
    if replying.is_marked(mail) and not mail.has_subject_of_failure:
        return []
    return _all_with_notice(mail, [""]) if _says_what_happened(mail) else []


def _says_what_happened(mail: Mail) -> bool:
    if mail.quotes_refusal and mail.has_subject_of_failure:
        return True
    if harmless.tells_of_arrival(mail.sentences) or harmless.tells_of_holding(mail.sentences):
        return False
    says = mail.tells_of_failure or mail.is_delay or mail.is_given_up
    return says and (mail.quotes_refusal or "://" not in mail.notice)


def action_by_codes(mail: Mail, finding: Finding) -> Action | None:
    """What a group without an Action field tells: a temporary code is of a delay unless the words say that it ended."""
    if (finding.smtp_code or 0) >= 500:
        return Action.FAILED
    if finding.status or finding.smtp_code:
        return Action.FAILED if _has_ended(mail) else Action.DELAYED
    if mail.is_delay:
        return Action.DELAYED
    return Action.FAILED if mail.tells_of_failure else None


def _has_ended(mail: Mail) -> bool:
    returns = mail.has_subject_of_failure and mail.tells_of_failure
    return mail.is_given_up or (returns and not mail.is_delay)


def _addressees(mail: Mail) -> list[str]:
    found = original.addressees(mail.returned) or original.addressees(mail.notice)
    return [address for address in found if address.lower() not in mail.own_addresses]


def _all_with_notice(mail: Mail, found: Iterable[str]) -> list[Finding]:
    told = notices.finding("", mail.notice[: blocks.MAX_BLOCK])
    return [replace(told, address=address) for address in found]


def quoted(mail: Mail) -> Mail | None:
    """The report that a person or a gateway passed on inside text, read as a mail of its own."""
    inner = original.unquote(mail.returned)
    return Mail(mime.read(inner.encode("utf-8", "replace"))) if inner else None


def enclosed(mail: Mail) -> Mail | None:
    """The report that a wrapper encloses, with or without a preface."""
    enclosing = next((part for part in mail.parts if part.type == "message/rfc822"), None)
    inner = enclosing.children[0] if enclosing and enclosing.children else None
    return Mail(inner) if inner and inner.type == "multipart/report" else None
