from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from config.logging import configure_logging
from config.settings import LogFormat, Settings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def configure(log_format: LogFormat, log_level: str, stream: io.StringIO) -> None:
    configure_logging(Settings.model_validate({"log_format": log_format, "log_level": log_level}), stream)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_name_logger_level_and_time() -> None:
    stream = io.StringIO()
    configure(LogFormat.AUTO, "info", stream)
    structlog.get_logger("mailer").info("sent", to="soumu@example.jp", attempts=2)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "sent", "to": "s***@example.jp", "attempts": 2, "logger": "mailer", "level": "info"}


def test_people_at_a_terminal_get_a_line_to_read() -> None:
    stream = Terminal()
    configure(LogFormat.AUTO, "info", stream)
    structlog.get_logger("mailer").info("送信", to="soumu@example.jp")
    assert "送信" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()
    assert "soumu@" not in stream.getvalue()


def test_a_format_asked_for_is_given_anywhere() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    configure(LogFormat.JSON, "info", terminal)
    structlog.get_logger().info("sent")
    assert lines(terminal)[0]["logger"] == "todoke"
    configure(LogFormat.CONSOLE, "info", pipe)
    structlog.get_logger().info("sent")
    assert "sent" in pipe.getvalue()
    assert not pipe.getvalue().startswith("{")
    assert "\x1b" not in pipe.getvalue()


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
def test_tracebacks_are_kept_and_masked(log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure(log_format, "info", stream)
    for logger in (structlog.get_logger("mailer"), logging.getLogger("asyncio")):
        try:
            int("soumu@example.jp")
        except ValueError:
            logger.exception("failed")
    shown = stream.getvalue()
    assert shown.count("Traceback (most recent call last)") == 2
    assert shown.count("s***@example.jp") >= 2
    assert "soumu@" not in shown


@pytest.mark.parametrize("name", ["uvicorn.error", "uvicorn.access", "mail.log", "aiosmtplib", "sqlalchemy.engine"])
def test_libraries_are_heard_from_warning_on(name: str) -> None:
    stream = io.StringIO()
    own = logging.StreamHandler(io.StringIO())
    logging.getLogger(name.split(".")[0]).addHandler(own)
    configure(LogFormat.JSON, "debug", stream)
    logging.getLogger(name).info("chatter about %s", "soumu@example.jp")
    logging.getLogger(name).warning("trouble with %s", "soumu@example.jp")
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("trouble with s***@example.jp", name, "warning")
    logging.getLogger(name.split(".")[0]).removeHandler(own)


def test_what_flanker_says_of_addresses_is_never_heard() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "debug", stream)
    lexer = logging.getLogger("flanker.addresslib._parser.lexer")
    before = lexer.level
    lexer.setLevel(logging.DEBUG)  # as flanker itself does when it is imported
    lexer.error("soumu")
    lexer.setLevel(before)
    assert stream.getvalue() == ""


def test_levels_are_kept() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "error", stream)
    log = structlog.get_logger("mailer")
    log.warning("no")
    logging.getLogger("asyncio").warning("no")
    log.error("yes")
    logging.getLogger("asyncio").error("yes")
    assert [line["event"] for line in lines(stream)] == ["yes", "yes"]


def test_configured_twice_each_line_is_written_once() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "info", io.StringIO())
    configure(LogFormat.JSON, "info", stream)
    structlog.get_logger("mailer").info("once")
    logging.getLogger("asyncio").warning("once")
    assert len(lines(stream)) == 2


def test_warnings_of_python_are_lines_too() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "info", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", stacklevel=1)
    (line,) = lines(stream)
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")


def test_what_is_bound_to_the_context_is_told() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "info", stream)
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("web").info("asked")
    assert lines(stream)[0]["request_id"] == "r-1"
