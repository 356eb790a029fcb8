"""`todoke sink`."""

from __future__ import annotations

from pathlib import Path

from todoke.cli.running import wrong_usage


def run(
    host: str,
    smtp_port: int,
    http_port: int,
    bounces_to: str | None,
    store: Path | None,
    max_messages: int,
    max_octets: int,
    *,
    as_json: bool,
) -> None:
    """Serve until told to end."""
    from sink.command import announce_json, announce_text, host_and_port
    from sink.server import SinkSettings, serve

    try:
        target = None if bounces_to is None else host_and_port(bounces_to)
    except ValueError as error:
        wrong_usage(f"--bounces-to: {error}")
    settings = SinkSettings(
        smtp_host=host,
        smtp_port=smtp_port,
        http_host=host,
        http_port=http_port,
        bounces_to=target,
        store=store,
        max_messages=max_messages,
        max_message_octets=max_octets,
    )
    serve(settings, announce_json if as_json else announce_text)
