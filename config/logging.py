"""Logging: structlog for our own words, the standard library's loggers through the same processors."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from config.redaction import redact_event
from config.settings import LogFormat, Settings

_LIBRARIES = ("uvicorn", "uvicorn.access", "uvicorn.error", "mail.log", "aiosmtplib", "sqlalchemy", "apscheduler")
_UNSPEAKABLE = ("flanker",)  # its lexer logs the text of the addresses that it cannot read


class _NamedLogger(structlog.WriteLogger):
    """Writes whole lines, knows its name, and lets no work fail because its stream is gone."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name

    def msg(self, message: str) -> None:
        # A pipe whose reader has ended, a full disk: a line is lost then, never a mail.
        with contextlib.suppress(OSError, ValueError):
            super().msg(message)

    debug = info = warning = warn = error = err = critical = fatal = failure = exception = log = msg


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up logging of this process, to stderr unless a stream is given. May be called again.

    Libraries are heard from WARNING on, our own loggers from the settings' level on. Give uvicorn `log_config=None`.
    """
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    rendering = _rendering(settings.log_format, stream)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_naming(), *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: _NamedLogger(stream, names[0] if names else "todoke"),
        cache_logger_on_first_use=False,
    )
    _route_libraries(rendering, stream, max(level, logging.WARNING))


def _naming() -> list[Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _rendering(log_format: LogFormat, stream: TextIO) -> list[Processor]:
    """Tracebacks become text before anything is taken out of it: no renderer may print them by itself."""
    terminal = stream.isatty()
    for_people = terminal if log_format is LogFormat.AUTO else log_format is LogFormat.CONSOLE
    return [structlog.processors.format_exc_info, redact_event, _console(terminal) if for_people else _json()]


def _console(colours: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _route_libraries(rendering: list[Processor], stream: TextIO, level: int) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
            foreign_pre_chain=_naming(),
        ),
    )
    # By name, not by level: what speaks of addresses gives its own loggers levels when it is imported.
    handler.addFilter(_is_speakable)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for name in _LIBRARIES:
        _hand_over(logging.getLogger(name))


def _is_speakable(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] not in _UNSPEAKABLE


def _hand_over(logger: logging.Logger) -> None:
    """Whatever a library has set up for itself: the root logger's handler and level are the ones that count."""
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)
