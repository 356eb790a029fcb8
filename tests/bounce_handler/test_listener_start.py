"""A listener that cannot listen says where, why, and which settings say so."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from bounce_handler.listener import BounceListener, ListenerSettings
from core.errors import CannotListen, TodokeError
from core.return_path import ReturnPaths


class Nobody:
    """Keeps nothing: no mail comes in."""

    keep: Any
    refuse: Any


async def refusal(host: str, port: int) -> CannotListen:
    paths = ReturnPaths("bounces.example.jp", "g-mis.net", [b"key"])
    listener = BounceListener(ListenerSettings(host, port), Nobody(), paths)
    with pytest.raises(CannotListen) as refused:
        await listener.start()
    return refused.value


async def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = await refusal("127.0.0.1", port)
    assert str(told) == (
        f"cannot listen on 127.0.0.1:{port} for failure reports: Address already in use "
        "(see TODOKE_BOUNCE_HOST and TODOKE_BOUNCE_PORT)"
    )
    assert isinstance(told, TodokeError)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.77", "a..b", "x" * 64])
async def test_a_host_that_is_none_of_ours_is_told(host: str) -> None:
    told = str(await refusal(host, 0))
    assert told.startswith(f"cannot listen on {host}:0 for failure reports: ")
    assert told.endswith(" (see TODOKE_BOUNCE_HOST and TODOKE_BOUNCE_PORT)")
    assert "None" not in told
