"""The command `todoke`."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> None:
    """Run the command; what is refused on purpose is said on stderr without a traceback (exit code 1).

    So is a database that cannot be used.
    """
    from core.errors import TodokeError
    from todoke.cli.app import app

    try:
        app()
    except TodokeError as error:
        _end(str(error))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        _end_for_the_database(error)
        raise


def _end(said: str) -> NoReturn:
    sys.stderr.write(f"todoke: {said}\n")
    sys.exit(1)


def _end_for_the_database(error: Exception) -> None:
    from sqlalchemy.exc import OperationalError

    from store.engine import unavailable

    if isinstance(error, OperationalError):
        _end(str(unavailable(error)))
