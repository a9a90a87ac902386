"""Objects that raise whatever may be raised, for the tests of what promises to take anything."""

from __future__ import annotations

from typing import Any


class Raising:
    """Raises in whatever is asked of it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def fail(self, *arguments: Any, **options: Any) -> Any:
        raise self.error

    __array__ = __float__ = __len__ = __getitem__ = __iter__ = __index__ = __bool__ = __repr__ = fail


class Panic(BaseException):
    """What the bindings of another language may raise."""


ERRORS = [
    *(KeyError("x"), AttributeError("x"), MemoryError(), RecursionError(), TypeError(), ValueError(), OSError()),
    *(StopIteration(), AssertionError(), GeneratorExit(), Panic("x"), ExceptionGroup("x", [ValueError()])),
]
