"""Repeated fields and maps of protobuf's message classes: views of lists and dicts."""

from __future__ import annotations

import typing
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    MutableMapping,
    MutableSequence,
)

Touch = Callable[[], None]


class Repeated(MutableSequence[typing.Any]):
    """A repeated field. What it holds is a list of the SDK's message."""

    def __init__(self, items: list[typing.Any], touch: Touch, kind: typing.Any) -> None:
        self._items, self._touch, self._kind = items, touch, kind

    def _wrapped(self, item: typing.Any) -> typing.Any:
        return item if self._kind is None else self._kind._of(item, self._touch)

    def _unwrapped(self, value: typing.Any) -> typing.Any:
        return value if self._kind is None else self._kind._copied(value)

    def __getitem__(self, index: typing.Any) -> typing.Any:
        if isinstance(index, slice):
            return [self._wrapped(item) for item in self._items[index]]
        return self._wrapped(self._items[index])

    def __setitem__(self, index: typing.Any, value: typing.Any) -> None:
        self._items[index] = self._unwrapped(value)
        self._touch()

    def __delitem__(self, index: typing.Any) -> None:
        del self._items[index]
        self._touch()

    def __len__(self) -> int:
        return len(self._items)

    def insert(self, index: int, value: typing.Any) -> None:
        self._items.insert(index, self._unwrapped(value))
        self._touch()

    def add(self, **fields: typing.Any) -> typing.Any:
        """Appends a new message and returns it."""
        made = self._kind(**fields)
        self._items.append(made._message)
        self._touch()
        return self._wrapped(made._message)

    def extend(self, values: Iterable[typing.Any]) -> None:
        self._items.extend([self._unwrapped(value) for value in values])
        self._touch()

    MergeFrom = extend

    def sort(self, *, key: typing.Any = None, reverse: bool = False) -> None:
        wrapped = (lambda item: key(self._wrapped(item))) if key else None
        self._items.sort(key=wrapped, reverse=reverse)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (list, Repeated)) and list(self) == list(other)

    def __repr__(self) -> str:
        return repr(list(self))


class Map(MutableMapping[typing.Any, typing.Any]):
    """A map. As in protobuf, a key that is asked for and missing is there then."""

    def __init__(
        self,
        items: dict[typing.Any, typing.Any],
        touch: Touch,
        kind: typing.Any,
        zero: typing.Any,
    ) -> None:
        self._items, self._touch = items, touch
        self._kind, self._zero = kind, zero

    def __getitem__(self, key: typing.Any) -> typing.Any:
        if key not in self._items:
            self._items[key] = self._zero if self._kind is None else self._kind._type()
            self._touch()
        item = self._items[key]
        return item if self._kind is None else self._kind._of(item, self._touch)

    get_or_create = __getitem__

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def get(self, key: typing.Any, default: typing.Any = None) -> typing.Any:
        return self[key] if key in self._items else default

    def __setitem__(self, key: typing.Any, value: typing.Any) -> None:
        if self._kind is not None:
            raise ValueError("a map of messages is set by `map[key].CopyFrom(message)`")
        self._items[key] = value
        self._touch()

    def __delitem__(self, key: typing.Any) -> None:
        del self._items[key]

    def __iter__(self) -> Iterator[typing.Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(dict(self))
