"""The pytest fixtures of `todoke.testing`, apart so that its class can be used without pytest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from todoke.testing import TodokeSink


@pytest.fixture(scope="session")
def todoke_sink_arguments() -> Sequence[str]:
    """Further options for `todoke sink`; override this in a conftest.py."""
    return ()


@pytest.fixture(scope="session")
def todoke_sink_process(todoke_sink_arguments: Sequence[str]) -> Iterator[TodokeSink]:
    """One sink for the whole run, started when the first test asks for it."""
    with TodokeSink(todoke_sink_arguments) as sink:
        yield sink


@pytest.fixture
def todoke_sink(todoke_sink_process: TodokeSink) -> TodokeSink:
    """A captured-mail SMTP sink that is empty when the test begins."""
    todoke_sink_process.clear()
    return todoke_sink_process
