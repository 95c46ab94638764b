from __future__ import annotations

import enum


class Enum(enum.IntEnum):
    """Base of the generated enums.

    The members are those of the ``.proto`` file. A number that it does not name, sent
    by a program with a newer one, is kept: ``State(99)`` is a value of ``State`` with
    the number 99, whose name is ``"99"``.
    """

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        if not isinstance(value, int) or not -(2**31) <= value < 2**31:
            return None
        # In a component each case has a type of its own; see `_component.enum`.
        of: type[Enum] = cls.__dict__.get("__unrecognized__", cls)
        unrecognized = int.__new__(of, value)
        unrecognized._name_ = str(value)
        unrecognized._value_ = int(value)
        return unrecognized
