"""`todoke doctor`: whether a set-up will work, one line a check."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from config.settings import Environment, load_settings
from core.errors import TodokeError
from core.jst import tokyo_date
from todoke.adapting import procedures_folder, relay_settings, signing_key, unused_files
from todoke.cli.output import print_json, print_table
from todoke.cli.running import refused, run
from todoke.wiring import Wiring

if TYPE_CHECKING:
    from collections import Counter

    from scheduler.calendar import BusinessCalendar
    from store.engine import Database

Check = Callable[[Wiring], Awaitable[str]]

_DAYS_AHEAD = 366
_OLDER_KEYS = "; the older ones are for failure reports on mails, and repeated jobs, of their time"
_WAITING = "failure report(s) that wait to be applied"
_UNMATCHED = "unmatched failure report(s)"


class Failed(TodokeError):
    """A check that failed; the message says what to do."""


class Warned(TodokeError):
    """A check after which the service works, for now; the message says what to do in time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    check: str
    ok: bool
    detail: str
    warning: bool = False

    def as_row(self) -> dict[str, object]:
        """A row of the table."""
        result = "FAILED" if not self.ok else "warning" if self.warning else "ok"
        return {"check": self.check, "result": result, "detail": self.detail}


def examine(*, as_json: bool) -> None:
    """Run all checks; exit 1 if any fails."""
    findings = run(_examine())
    if as_json:
        print_json({"ok": all(found.ok for found in findings), "checks": [found.as_row() for found in findings]})
    else:
        print_table([found.as_row() for found in findings], {"result": "", "check": "check", "detail": "detail"})
    if not all(found.ok for found in findings):
        refused()


async def _examine() -> list[Finding]:
    wiring = Wiring(load_settings())
    try:
        return [await _found(name, check, wiring) for name, check in _CHECKS.items()]
    finally:
        await wiring.close()


async def _found(name: str, check: Check, wiring: Wiring) -> Finding:
    try:
        return Finding(name, True, await check(wiring))
    except Warned as warned:
        return Finding(name, True, str(warned), warning=True)
    except (Failed, TodokeError) as error:
        return Finding(name, False, str(error))
    except Exception as error:
        return Finding(name, False, _unforeseen(error))


def _unforeseen(error: Exception) -> str:
    from sqlalchemy.exc import OperationalError

    from store.engine import unavailable

    if isinstance(error, OperationalError):
        return str(unavailable(error))
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


async def _settings(wiring: Wiring) -> str:
    problems = wiring.settings.problems()
    if problems:
        raise Failed("; ".join(problems))
    notices = wiring.settings.notices()
    return f"{wiring.settings.environment}" + (f" ({'; '.join(notices)})" if notices else "")


async def _config_folder(wiring: Wiring) -> str:
    folder = wiring.settings.config_dir
    unused = unused_files(wiring.settings)
    if unused:
        raise Warned("; ".join(unused))
    return "none: what is shipped applies" if folder is None else str(folder)


async def _keys(wiring: Wiring) -> str:
    cipher = wiring.cipher
    if cipher.decipher(cipher.encipher({"probe": "x"})) != {"probe": "x"}:
        raise Failed("TODOKE_SECRET_KEYS: what is enciphered cannot be deciphered")
    return f"{len(wiring.keys)} secret key(s), newest first"


async def _database(wiring: Wiring) -> str:
    from store import schema

    found = await schema.state(wiring.db)
    new_file = wiring.db.sqlite and found.current is None
    if not found.up_to_date and not new_file:
        raise Failed(found.advice)
    if found.up_to_date:
        await _refuse_read_only(wiring.db)
    return f"{wiring.db.url.get_backend_name()}, schema {found.current or 'made at the first start'}"


async def _refuse_read_only(db: Database) -> None:
    from sqlalchemy.exc import DBAPIError

    from store.writable import try_write

    try:
        await try_write(db, f"of doctor {uuid.uuid4()}", large=True)
    except DBAPIError as error:
        raise Failed(f"it takes no writes: {' '.join(str(error.orig).split())}") from error


async def _secrets(wiring: Wiring) -> str:
    from store import schema
    from store.secrets_at_rest import keys_needed, keys_of_reports

    found = await schema.state(wiring.db)
    if found.current is None:
        return "none yet"
    if not found.up_to_date:
        raise Failed("not looked at: the schema is not the one that this version needs")
    async with wiring.db.read() as conn:
        mails = await keys_needed(conn, wiring.cipher)
        waiting = await keys_of_reports(conn, wiring.cipher, "new")
        unmatched = await keys_of_reports(conn, wiring.cipher, "unmatched")
    if mails[None]:
        raise Failed(
            f"TODOKE_SECRET_KEYS: no key reads the link or code of {mails[None]} mail(s) that have not left; "
            "put back the key under which they were published, behind the newest"
        )
    if waiting[None]:
        raise Failed(_unread(waiting, _WAITING))
    told = [_older(mails, "mail(s) that have not left"), _older(waiting, _WAITING), _older(unmatched, _UNMATCHED)]
    older = f"{', '.join(filter(None, told))} need an older key: keep it in TODOKE_SECRET_KEYS" if any(told) else ""
    if unmatched[None]:
        raise Warned("; ".join(filter(None, [_unread(unmatched, _UNMATCHED), older])))
    return older or "the newest key reads them all" + (_OLDER_KEYS if len(wiring.keys) > 1 else "")


def _unread(found: Counter[int | None], what: str) -> str:
    return (
        f"TODOKE_SECRET_KEYS: no key reads {found[None]} {what}; "
        "put back the key that was the newest when they came, behind the newest"
    )


def _older(found: Counter[int | None], what: str) -> str:
    """So many need an older key; empty where none does."""
    number = found.total() - found[0] - found[None]
    return f"{number} {what}" if number else ""


async def _relay(wiring: Wiring) -> str:
    from mailer.transport import Connection

    settings = wiring.settings
    async with asyncio.timeout(settings.smtp_timeout):
        refusal = await Connection(relay_settings(settings)).probe()
    if refusal is not None:
        raise Failed(f"{settings.smtp_host}:{settings.smtp_port}: {refusal}")
    return f"{settings.smtp_host}:{settings.smtp_port} answers ({settings.smtp_tls})"


async def _signing(wiring: Wiring) -> str:
    from mailer.signing import Signer

    key = signing_key(wiring.settings)
    if key is None:
        return "off (the relay signs, or nobody)"
    await Signer(key).signed(b"From: <probe@localhost>\r\n\r\n")
    return f"signs as {key.domain}; the public key has to stand at {key.selector}._domainkey.{key.domain}"


async def _bounce_tls(wiring: Wiring) -> str:
    from bounce_handler.certificates import ends_soon, out_of_date, tls_context, validity

    certificate, now = wiring.settings.bounce_tls_certificate, datetime.now(UTC)
    if certificate is None:
        return "none: the bounce listener offers no STARTTLS"
    tls_context(certificate, wiring.settings.bounce_tls_key)
    begins, ends = validity(certificate)
    if wrong := out_of_date(begins, ends, now):
        raise Failed(f"{certificate}: {wrong}")
    if soon := ends_soon(ends, now):
        raise Warned(f"{certificate}: {soon}")
    return f"{certificate}, until {ends:%Y-%m-%d}"


async def _return_path(wiring: Wiring) -> str:
    domain = wiring.settings.return_path_domain
    if wiring.settings.environment is Environment.PRODUCTION and "." not in domain:
        raise Failed("TODOKE_RETURN_PATH_DOMAIN: not a full domain name")
    return f"{domain} (its MX has to lead to {wiring.settings.bounce_host}:{wiring.settings.bounce_port})"


async def _calendar(wiring: Wiring) -> str:
    clock = wiring.settings.clock
    return holiday_coverage(wiring.calendar, tokyo_date(datetime.now(UTC) if clock is None else clock.moment))


def holiday_coverage(calendar: BusinessCalendar, today: date) -> str:
    """The next twelve months. Raises Warned where their holidays have not all been published."""
    ahead = [today + timedelta(days=number) for number in range(_DAYS_AHEAD)]
    told = f"{sum(calendar.is_open(day) for day in ahead)} business days in the next twelve months"
    published = calendar.published_until
    if ahead[-1] <= published:
        return f"{told}; holidays published until {published}"
    provisional = [day for day in ahead if calendar.is_provisional(day)]
    predicted = f" (predicted only: {', '.join(map(str, provisional))})" if provisional else ""
    raise Warned(
        f"{told}, but this version knows the published holidays until {published} only{predicted}: the table of a year "
        "comes out in the February before; update todoke, or enter changes in closures.toml"
    )


async def _templates(wiring: Wiring) -> str:
    problems = wiring.catalog.check()
    if problems:
        raise Failed(f"{len(problems)} problem(s): run `todoke templates check`")
    return f"edition {wiring.catalog.version}"


async def _procedures(wiring: Wiring) -> str:
    from helpdesk.lint import check

    folder = procedures_folder(wiring.settings)
    problems = check(folder)
    if problems:
        raise Failed("; ".join(problems))
    return "in order" if folder is None else f"in order, with those in {folder}"


async def _contacts(wiring: Wiring) -> str:
    configured = [code for code in wiring.data.prefectures.by_code if wiring.has_contact(code)]
    if not configured:
        raise Failed("no prefecture has a contact: see prefectures.toml in TODOKE_CONFIG_DIR")
    shown = ", ".join(configured) if len(configured) <= 10 else f"{len(configured)} prefectures"
    return f"{shown}; jobs of other prefectures are refused (no-contact)" if len(configured) < 47 else "all 47"


_CHECKS: dict[str, Check] = {
    "settings": _settings,
    "configuration folder": _config_folder,
    "keys": _keys,
    "database": _database,
    "secrets at rest": _secrets,
    "SMTP relay": _relay,
    "DKIM key": _signing,
    "bounce certificate": _bounce_tls,
    "return-path domain": _return_path,
    "holiday coverage": _calendar,
    "templates": _templates,
    "helpdesk procedures": _procedures,
    "contacts": _contacts,
}
