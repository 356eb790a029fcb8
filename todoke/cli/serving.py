"""`todoke serve`."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from todoke.cli.output import print_line
from todoke.cli.running import run as run_async
from todoke.cli.running import settings_of_command, wrong_usage
from todoke.service import Ports, Role, serve

_COLLECTED_AFTER = 10_000
"""New objects: those of some hundred mails, of which few are left to be found by the collector."""


def run(role_names: Sequence[str]) -> None:
    """Serve until told to end."""
    unknown = [name for name in role_names if name not in set(Role)]
    if unknown:
        wrong_usage(f"--role {unknown[0]}: no such role; they are {', '.join(Role)}")
    settings = settings_of_command()
    roles = [Role(name) for name in role_names]

    def ready(ports: Ports) -> None:
        gc.collect()
        gc.set_threshold(_COLLECTED_AFTER)
        gc.freeze()  # what is there now stays: the collector need not go through it again and again
        places = [f"http://{settings.http_host}:{ports.http}"] if ports.http else []
        places += [f"reports by SMTP on {settings.bounce_host}:{ports.bounces}"] if ports.bounces else []
        print_line(f"todoke is ready ({', '.join(roles or list(Role))}) {' '.join(places)}".rstrip())

    run_async(serve(settings, roles, ready))
