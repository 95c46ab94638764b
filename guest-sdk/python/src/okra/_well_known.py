from __future__ import annotations

import dataclasses
import datetime
import enum
import time
from typing import Dict, List, Union

JsonValue = Union[None, bool, float, str, List["JsonValue"], Dict[str, "JsonValue"]]
"""What ``google.protobuf.Value`` holds: ``Struct`` is a dict, ``ListValue`` a list."""


class Null(enum.Enum):
    """``okra.NULL``, the JSON null of a field of type ``google.protobuf.Value`` whose
    absence is None. Within lists, dicts and oneofs null is None."""

    NULL = "null"


NULL = Null.NULL

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclasses.dataclass(slots=True, order=True)
class Timestamp:
    """``google.protobuf.Timestamp``: a point in time, to the nanosecond.

    ``datetime`` has microseconds and no years beyond 9999, so messages hold this.
    """

    seconds: int = 0
    """Since 1970-01-01T00:00:00Z, negative before it."""
    nanos: int = 0
    """Beyond the seconds, 0 to 999,999,999."""

    @classmethod
    def now(cls) -> Timestamp:
        """The time of the host's clock."""
        seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
        return cls(seconds, nanos)

    @classmethod
    def from_datetime(cls, when: datetime.datetime) -> Timestamp:
        """Of a ``datetime``; without a time zone it is local time, as in Python."""
        micros = (when.astimezone(datetime.timezone.utc) - _EPOCH) // _MICROSECOND
        seconds, micros = divmod(micros, 1_000_000)
        return cls(seconds, micros * 1000)

    def to_datetime(self) -> datetime.datetime:
        """As ``datetime`` in UTC, its nanoseconds cut to microseconds. Raises
        ``OverflowError`` beyond the years 1 to 9999."""
        return _EPOCH + datetime.timedelta(0, self.seconds, self.nanos // 1000)


@dataclasses.dataclass(slots=True)
class Duration:
    """``google.protobuf.Duration``: a length of time, to the nanosecond."""

    seconds: int = 0
    nanos: int = 0
    """Beyond the seconds, of the same sign."""

    @classmethod
    def from_timedelta(cls, delta: datetime.timedelta) -> Duration:
        """Of a ``timedelta``."""
        micros = delta // _MICROSECOND
        sign = -1 if micros < 0 else 1
        seconds, micros = divmod(abs(micros), 1_000_000)
        return cls(sign * seconds, sign * micros * 1000)

    def to_timedelta(self) -> datetime.timedelta:
        """As ``timedelta``, its nanoseconds cut to microseconds."""
        micros = int(self.nanos / 1000)
        return datetime.timedelta(0, self.seconds, micros)


@dataclasses.dataclass(slots=True)
class Any:
    """``google.protobuf.Any``: a message of a type that is named."""

    type_url: str = ""
    """Such as ``type.googleapis.com/google.rpc.BadRequest``."""
    value: bytes = b""
    """The protobuf encoding of the message."""


@dataclasses.dataclass(slots=True)
class Empty:
    """``google.protobuf.Empty``."""
