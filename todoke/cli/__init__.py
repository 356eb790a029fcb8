"""The command `todoke`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; what is refused on purpose is said on stderr without a traceback (exit code 1)."""
    from core.errors import TodokeError
    from todoke.cli.app import app

    try:
        app()
    except TodokeError as error:
        sys.stderr.write(f"todoke: {error}\n")
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
