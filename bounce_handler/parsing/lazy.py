"""Attributes worked out when they are first asked for.

`functools.cached_property` takes a lock at each first access before Python 3.12, which costs more than most facts
of a mail do; a mail is read by one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Self, TypeVar, overload

_Owner = TypeVar("_Owner")
_Value = TypeVar("_Value")


class Lazy(Generic[_Owner, _Value]):
    """A method read as an attribute; its value then stands in the instance and hides the method."""

    def __init__(self, method: Callable[[_Owner], _Value]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __set_name__(self, owner: type[_Owner], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[_Owner]) -> Self: ...

    @overload
    def __get__(self, instance: _Owner, owner: type[_Owner]) -> _Value: ...

    def __get__(self, instance: _Owner | None, owner: type[_Owner]) -> Self | _Value:
        if instance is None:
            return self
        value = self._method(instance)
        instance.__dict__[self._name] = value
        return value
