"""Random messages of any type, and in what two messages differ."""

import math
import random
import struct

from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor as Field

INTEGERS = {
    Field.TYPE_INT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SINT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    Field.TYPE_INT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SINT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    Field.TYPE_UINT32: (0, 2**32 - 1),
    Field.TYPE_FIXED32: (0, 2**32 - 1),
    Field.TYPE_UINT64: (0, 2**64 - 1),
    Field.TYPE_FIXED64: (0, 2**64 - 1),
}
TEXTS = ["", "a", "Ünïcode 猫 🥒", "line\nand \"quotes\" \\ \t\0", "x" * 300]


class Maker:
    """Random messages of any type."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def number(self, low: int, high: int) -> int:
        choose = self.random
        return choose.choice([low, high, 0, 1, choose.randint(low, high), choose.randint(max(low, -9), 9)])

    def double(self) -> float:
        some = [0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, self.random.uniform(-1e9, 1e9)]
        return self.random.choice(some)

    def value(self, field: Field, depth: int):
        kind = field.type
        if kind in INTEGERS:
            return self.number(*INTEGERS[kind])
        if kind == Field.TYPE_DOUBLE:
            return self.double()
        if kind == Field.TYPE_FLOAT:
            return struct.unpack("f", struct.pack("f", self.random.choice([0.0, -0.0, 1.5, math.inf, 1e-40, 3e38])))[0]
        if kind == Field.TYPE_BOOL:
            return self.random.random() < 0.5
        if kind == Field.TYPE_STRING:
            return self.random.choice(TEXTS)
        if kind == Field.TYPE_BYTES:
            return self.random.randbytes(self.random.choice([0, 1, 7, 300]))
        if kind == Field.TYPE_ENUM:
            numbers = [value.number for value in field.enum_type.values]
            is_json = field.enum_type.full_name == "google.protobuf.NullValue"
            unknown = [] if field.enum_type.is_closed or is_json else [self.number(*INTEGERS[Field.TYPE_INT32])]
            return self.random.choice(numbers + unknown)
        raise AssertionError(f"no value for {field.full_name}")

    def fill(self, message, depth: int = 0):
        """Sets some of a message's fields, and all that are required."""
        descriptor = message.DESCRIPTOR
        if descriptor.full_name == "google.protobuf.Value":
            message.CopyFrom(self.json(depth))
            return message
        chosen = {oneof.name: self.random.choice([*oneof.fields, None]) for oneof in descriptor.oneofs}
        for field in descriptor.fields:
            if field.containing_oneof is not None:
                if chosen[field.containing_oneof.name] is not field:
                    continue
            elif not field.is_required and self.random.random() < 0.4:
                continue
            self.set(message, field, depth)
        return message

    def set(self, message, field: Field, depth: int):
        is_message = field.message_type is not None
        if is_message and depth > 4 and not field.is_required:
            return
        many = self.random.choice([0, 1, 2, 5]) if depth < 2 else self.random.choice([0, 1])
        if is_message and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
            entries = getattr(message, field.name)
            for _ in range(many):
                name = self.value(key, depth)
                if value.message_type is not None:
                    self.fill(entries[name], depth + 1)
                else:
                    entries[name] = self.value(value, depth)
        elif field.is_repeated:
            items = getattr(message, field.name)
            for _ in range(many):
                if is_message:
                    self.fill(items.add(), depth + 1)
                else:
                    items.append(self.value(field, depth))
        elif is_message:
            inner = getattr(message, field.name)
            inner.SetInParent()
            self.fill(inner, depth + 1)
        else:
            setattr(message, field.name, self.value(field, depth))

    def json(self, depth: int) -> struct_pb2.Value:
        finite = [0.0, -0.0, 1.0, 0.1, 1e300, 2.0**53 + 2, self.random.uniform(-1e9, 1e9)]
        leaves = [None, True, False, self.random.choice(finite), self.random.choice(TEXTS)]
        value = struct_pb2.Value()
        choice = self.random.randrange(len(leaves) + (2 if depth < 4 else 0))
        if choice == len(leaves):
            value.list_value.values.extend(self.json(depth + 1) for _ in range(self.random.randrange(3)))
            value.list_value.SetInParent()
        elif choice > len(leaves):
            for name in self.random.sample(TEXTS, self.random.randrange(3)):
                value.struct_value.fields[name].CopyFrom(self.json(depth + 1))
            value.struct_value.SetInParent()
        elif (leaf := leaves[choice]) is None:
            value.null_value = struct_pb2.NULL_VALUE
        elif isinstance(leaf, bool):
            value.bool_value = leaf
        elif isinstance(leaf, float):
            value.number_value = leaf
        else:
            value.string_value = leaf
        return value


def differences(sent, came, path: str = ""):
    """The fields in which two messages differ, by their paths."""
    for field in sent.DESCRIPTOR.fields:
        here = f"{path}.{field.name}"
        one, other = getattr(sent, field.name), getattr(came, field.name)
        if field.has_presence and sent.HasField(field.name) != came.HasField(field.name):
            yield f"{here}: set {sent.HasField(field.name)}, came {came.HasField(field.name)}"
        elif field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            if set(one) != set(other):
                yield f"{here}: keys {set(one)}, came {set(other)}"
            else:
                for key in one:
                    yield from differ(value, one[key], other[key], f"{here}[{key!r}]")
        elif field.is_repeated:
            if len(one) != len(other):
                yield f"{here}: {len(one)} items, came {len(other)}"
            for index, pair in enumerate(zip(one, other)):
                yield from differ(field, *pair, f"{here}[{index}]")
        elif not field.has_presence or sent.HasField(field.name):
            yield from differ(field, one, other, here)


def differ(field: Field, one, other, path: str):
    if field.message_type is not None:
        yield from differences(one, other, path)
    elif isinstance(one, float):
        # -0.0 is not 0.0 here.
        if struct.pack("d", one) != struct.pack("d", other):
            yield f"{path}: {one!r}, came {other!r}"
    elif one != other:
        yield f"{path}: {one!r}, came {other!r}"
