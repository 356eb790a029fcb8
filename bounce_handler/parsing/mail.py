"""A mail as the readers of reports see it: its headers, its own words, its machine-readable part, what it returns."""

from __future__ import annotations

import re
from itertools import islice

from bounce_handler.parsing import addresses, delivery_status, mime, original, quotations, statements, visible
from bounce_handler.parsing.lazy import Lazy
from bounce_handler.parsing.wording import FAILED, FAILURES, ROBOTS

_RETURNED = frozenset(
    {
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "text/rfc822-header",
        "message/global-headers",
        "message/partial",
    },
)
_OWN = ("from", "to", "return-path", "delivered-to", "in-reply-to", "references")
_PARAGRAPH = re.compile(r"\n[ \t>]*\n")
# Between Japanese and Chinese letters alone: Cyrillic and Korean words are parted by blanks.
_WRAP = re.compile(r"(?<=[\u2e80-\ua4cf\uf900-\uffef]) (?=[\u2e80-\ua4cf\uf900-\uffef])")

MAX_WORDS = 8 * 1024
"""Characters of a notice that are searched for what kind of mail it is."""
MAX_SUBJECT = 1000


class Mail:
    """Facts of one mail, each worked out when it is first asked for."""

    def __init__(self, root: mime.Part) -> None:
        self.root = root
        self.headers = root.headers

    @Lazy
    def parts(self) -> list[mime.Part]:
        """All parts in order; enclosed messages are not entered."""
        return list(islice(self.root.walk(), mime.MAX_ALL_PARTS))

    @Lazy
    def sender(self) -> str:
        """The From field in lower case."""
        return self.headers.text("from").lower()

    @Lazy
    def subject(self) -> str:
        """The decoded subject in lower case."""
        return visible.text(self.headers.text("subject")).lower()

    @Lazy
    def is_from_robot(self) -> bool:
        """Whether the From field is a mail system's."""
        return any(map(self.sender.__contains__, ROBOTS))

    @Lazy
    def own_addresses(self) -> frozenset[str]:
        """Where this mail comes from and goes to, lower case: hardly ever what it reports about.

        Message-IDs that it answers or returns are among them, as they have the form of addresses.
        """
        named = [self.headers.get(name) for name in _OWN]
        named.append(self.returned_id or "")
        return frozenset(address.lower() for address in addresses.find(" ".join(named)))

    @Lazy
    def status_text(self) -> str | None:
        """The text of the delivery-status part, or of all where there are several; None when the mail has none."""
        texts = [part.text for part in self.parts if part.type in delivery_status.TYPES]
        return "\n\n".join(texts)[: mime.MAX_TEXT] if texts else None

    @Lazy
    def body(self) -> str:
        """The human-readable text before any machine-readable or returned part, LF line ends."""
        texts: list[str] = []
        for part in self.parts:
            if part.type in _RETURNED or part.type in delivery_status.TYPES:
                break
            if part.type == "text/plain" or (part.main_type == "multipart" and not part.children):
                texts.append(visible.text(part.text))
            elif part.type == "text/html" and not texts:
                texts.append(visible.of_html(part.text))
        return "\n".join(texts)

    @Lazy
    def notice(self) -> str:
        """What the reporting system itself says: the body without a quoted original message."""
        return self._halves[0]

    @Lazy
    def naming(self) -> str:
        """The notice as addresses are looked for in it: without the Message-IDs that it cites, which look like some."""
        return original.without_ids(self.notice)

    @Lazy
    def words(self) -> str:
        """Subject and start of the notice as phrases are compared with them: lower case, white space folded."""
        return f"{self.subject} " + " ".join(self.notice[:MAX_WORDS].lower().split())

    @Lazy
    def sentences(self) -> str:
        """Subject and start of the notice, lower case: a line each paragraph, without the line breaks in Japanese."""
        paragraphs = [self.subject[:MAX_SUBJECT], *_PARAGRAPH.split(self.notice[:MAX_WORDS].lower())]
        return "\n".join(_WRAP.sub("", " ".join(text.split())) for text in paragraphs)

    @Lazy
    def _halves(self) -> tuple[str, str]:
        return original.split(self.body)

    @Lazy
    def returned(self) -> str:
        """The headers of the message that is returned, with its text where it is quoted; empty when none is."""
        for part in self.parts:
            if part.type in _RETURNED:
                # To the empty line, not to the last sound field: gateways lose the white space of folded ones.
                block = part.payload.lstrip(b"\n")[: original.MAX_RETURNED].partition(b"\n\n")[0]
                return block.decode("utf-8", "replace")
        return self._halves[1]

    @Lazy
    def returned_id(self) -> str | None:
        """The Message-ID of the message that is returned, without angle brackets."""
        return original.message_id(self.returned) if self.returned else None

    @Lazy
    def encloses_original(self) -> bool:
        """Whether the returned message is a part of its own, which answers do not make of what they quote."""
        return any(part.type in _RETURNED for part in self.parts)

    @Lazy
    def submitted(self) -> str:
        """The Auto-Submitted field in lower case (RFC 3834 section 5)."""
        return self.headers.get("auto-submitted").lower()

    @Lazy
    def is_automatic(self) -> bool:
        """Whether a machine that reports may have written it: by sender, envelope, subject or header."""
        return self.is_from_machine or self.has_null_path or self.is_titled_as_report

    @Lazy
    def is_from_machine(self) -> bool:
        """Whether a mail system wrote it, by its sender or by what only mail systems write."""
        return self.is_from_robot or self.names_failed_recipients or self.root.type == "multipart/report"

    @Lazy
    def has_null_path(self) -> bool:
        """Whether nobody is to be told if it fails: reports are sent so, and auto-replies (RFC 3834 section 3.3)."""
        return self.headers.get("return-path") in ("<>", "<MAILER-DAEMON>")

    @Lazy
    def names_failed_recipients(self) -> bool:
        """Whether its header tells of a failure: Exim's X-Failed-Recipients, fml's X-MLServer."""
        refused_by_list = "x-mlserver" in self.headers and "-admin@" in self.sender
        return refused_by_list or "x-failed-recipients" in self.headers

    @Lazy
    def has_subject_of_failure(self) -> bool:
        """Whether the subject has words of the subjects of reports."""
        return any(map(self.subject.__contains__, FAILURES))

    @property
    def is_titled_as_report(self) -> bool:
        """Whether it has such a subject, and not from a report that it answers."""
        return self.has_subject_of_failure and not self._continues_a_thread

    @property
    def _continues_a_thread(self) -> bool:
        """Whether a person may be answering a report, and so has its subject; passing it on is another thing."""
        answers = "in-reply-to" in self.headers or "references" in self.headers
        return answers and not self.is_forwarded

    @property
    def is_forwarded(self) -> bool:
        """Whether somebody passes on what he got."""
        return self.subject.startswith(("fwd:", "fw:"))

    @Lazy
    def speaks_of_failure(self) -> bool:
        """Whether its subject or text says that something was not delivered, or not yet."""
        return any(map(self.words.__contains__, FAILED))

    @Lazy
    def quotes_refusal(self) -> bool:
        """Whether the notice quotes a 4xx or 5xx reply or status code."""
        return quotations.quotes_refusal(self.notice)

    @Lazy
    def tells_of_failure(self) -> bool:
        """Whether it says in a sentence that a mail failed."""
        return statements.tells_of_failure(self.sentences)

    @Lazy
    def is_given_up(self) -> bool:
        """Whether it says that the message is tried no more."""
        return statements.tells_of_the_end(self.sentences)

    @Lazy
    def is_delay(self) -> bool:
        """Whether it says that the message is still being tried, and not that this is over."""
        return statements.tells_of_delay(self.sentences) and not self.is_given_up
