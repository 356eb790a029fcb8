"""All mails, compiled once: the way into this room."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from core.kinds import Kind
from core.mail import SENDER_ADDRESS, MailContent, MailContext
from templates.edition import Edition, open_edition
from templates.lint import check_edition
from templates.problems import CatalogUnusable, Problem
from templates.rules import KNOWN_HOSTS
from templates.samples import read_sample
from templates.sources import digest, is_readable_folder, misplaced, national_roots, prefecture_roots, unreadable

__all__ = ["Catalog", "CatalogUnusable", "Problem", "check_folder"]

_DIGEST_LENGTH = 12  # hexadecimal digits: 48 bits tell editions apart


class Catalog:
    """The mails of all kinds. Safe to share between tasks and threads: nothing in it changes."""

    def __init__(
        self, national: Edition, prefectures: Mapping[str, Edition], folder: Path | None, facts: Mapping[str, str]
    ) -> None:
        self._national = national
        self._prefectures = prefectures
        self._folder = folder
        self.version = _version(national, prefectures, facts)
        """The digest of everything that mails are made from; the same files give the same one anywhere."""

    @classmethod
    def load(cls, folder: Path | None = None, sender_address: str | None = None) -> Catalog:
        """Compile the built-in mails, with the files of `folder` over them where it has any.

        `folder` is laid out as the built-in one: `guide/body.txt`, `_shared/signature.txt`; below
        `prefectures/35/` once more, for one prefecture alone (rule 3). `sender_address` is what mails name as their
        sender's, whatever the files say. Raises `CatalogUnusable` with every file that cannot be read, or else
        compiled.
        """
        if folder is not None and not is_readable_folder(folder):
            raise CatalogUnusable([Problem(str(folder), "", "is not a folder that can be read")])
        faults = unreadable(folder)
        if faults:
            raise CatalogUnusable(faults)
        facts = {} if sender_address is None else {"sender_address": sender_address}
        prefectures = {code: open_edition(roots, facts) for code, roots in prefecture_roots(folder).items()}
        return cls(open_edition(national_roots(folder), facts), prefectures, folder, facts)

    def render(self, context: MailContext) -> MailContent:
        """The mail of `context`, in its prefecture's words where there are any.

        Raises `MailDataMissing` naming the dotted field that a mail of this kind needs and `context` lacks.
        """
        prefecture = context.institution.prefecture if context.institution else ""
        return self._prefectures.get(prefecture, self._national).mails[context.kind].render(context)

    def required_data(self, kind: Kind) -> frozenset[str]:
        """The keys of `data` without which a mail of this kind is not rendered."""
        return self._national.mails[kind].required_data()

    def sample(self, kind: Kind) -> MailContext:
        """The kind's sample. Raises `CatalogUnusable` where an operator's sample cannot be read."""
        return read_sample(self._national.roots, kind)

    def check(self, link_hosts: frozenset[str] = KNOWN_HOSTS) -> list[Problem]:
        """What is wrong with the mails; empty when all is well. `link_hosts` are the hosts that links may name."""
        found = misplaced(self._folder) + check_edition(self._national, link_hosts)
        for code, edition in self._prefectures.items():
            for kind, file, message in check_edition(edition, link_hosts):
                found.append(Problem(f"prefectures/{code}/{kind}", file, message))
        return found


def check_folder(
    folder: Path | None, link_hosts: frozenset[str] = KNOWN_HOSTS, sender_address: str | None = None
) -> list[Problem]:
    """What is wrong with the mails of `folder`, also where they cannot be compiled."""
    try:
        return Catalog.load(folder, sender_address).check(link_hosts)
    except CatalogUnusable as unusable:
        return list(unusable.problems)


def _version(national: Edition, prefectures: Mapping[str, Edition], facts: Mapping[str, str]) -> str:
    editions = [("", national), *sorted(prefectures.items())]
    parts = [f"{code} {digest(edition.roots)}" for code, edition in editions]
    parts += [f"{name} {value}" for name, value in sorted(facts.items()) if value != SENDER_ADDRESS]
    summary = "\n".join(parts)
    return hashlib.sha256(summary.encode()).hexdigest()[:_DIGEST_LENGTH]
