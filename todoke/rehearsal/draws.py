"""Chance from a seed: what is drawn depends on what it is drawn for, and never on the order of drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_RANGE = float(1 << 64)


class Draws:
    """Draws for things that are known by names, such as an institution's code."""

    def __init__(self, seed: int) -> None:
        self._key = blake2b(str(seed).encode(), digest_size=32).digest()
        self._taken = 0

    def unit(self, *names: object) -> float:
        """A number from 0 up to, not including, 1."""
        text = "\0".join(map(str, names)).encode()
        return int.from_bytes(blake2b(text, digest_size=8, key=self._key).digest()) / _RANGE

    def happens(self, share: float, *names: object) -> bool:
        """True in that share of the cases."""
        return share > 0 and self.unit(*names) < share

    def between(self, span: tuple[float, float], *names: object) -> float:
        """A number between the least and the most."""
        least, most = span
        return least + (most - least) * self.unit(*names)

    def exponential(self, mean: float, *names: object) -> float:
        """A waiting time."""
        return -mean * math.log(1.0 - self.unit(*names))

    def pick(self, weights: Mapping[T, float], *names: object) -> T:
        """One of the keys, by their weights."""
        left = self.unit(*names) * sum(weights.values())
        for thing, weight in weights.items():
            left -= weight
            if left < 0:
                return thing
        return list(weights)[-1]

    def octets(self, count: int) -> bytes:
        """The next octets of a stream: for identifiers, which are made in an order of their own."""
        self._taken += 1
        return blake2b(self._taken.to_bytes(8), digest_size=count, key=self._key).digest()
