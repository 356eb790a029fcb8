"""Mails on disk, read as reports: what `todoke bounces parse` prints, one object a file (contract section 2)."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bounce_handler.parsing.parser import parse
from core.reports import ParsedReport, ReportType


def lines(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """One JSON object for every file named or below a folder named, in name order.

    The address is null where a report names nobody.
    A file that cannot be read gives an object of type `other` with an `error` key besides; the rest go on.
    """
    for path in paths:
        for file in _files(path):
            yield _line(file)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for entry in sorted(path.rglob("*")):
        if not entry.is_dir():
            yield entry


def _line(file: Path) -> dict[str, Any]:
    try:
        raw = _read(file)
    except OSError as error:
        return _object(file, ParsedReport(ReportType.OTHER)) | {"error": error.strerror or str(error)}
    return _object(file, parse(raw))


def _read(file: Path) -> bytes:
    # A pipe or a device among the mails would be waited for.
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return file.read_bytes()


def _object(file: Path, report: ParsedReport) -> dict[str, Any]:
    return {
        "file": str(file),
        "type": report.type,
        "recipients": [
            {
                "address": recipient.address or None,
                "action": recipient.action,
                "status": recipient.status,
                "smtp_code": recipient.smtp_code,
                "reason": recipient.reason,
                "bounce_class": recipient.bounce_class,
                "diagnostic": recipient.diagnostic,
            }
            for recipient in report.recipients
        ],
    }
