"""How many are under way, and the moment when none is."""

from __future__ import annotations

import asyncio


class Tally:
    """Counts up and down; `none` waits for zero."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def up(self) -> None:
        """One more."""
        self._count += 1
        if self._count == 1:
            self._none.clear()

    def down(self, by: int = 1) -> None:
        """So many less."""
        self._count -= by
        if not self._count:
            self._none.set()

    async def none(self) -> None:
        """Wait until there is none."""
        await self._none.wait()
