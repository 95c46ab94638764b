"""The binary encoding of messages.

For each message two functions are made when it is first needed: ``encode`` and
``decode``, as Python source that is compiled for exactly its fields. That is about four
times as fast as walking through its table, and a component in Python has no other code
than Python's to do it.
"""

from __future__ import annotations

import struct
import typing
from collections.abc import Callable

from . import _fields, _values, _wire
from ._fields import Field, Table
from ._wire import DecodeError, EncodeError


class MessageCodec:
    """The functions of a message."""

    __slots__ = ("decode", "encode", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.encode: Callable[[typing.Any, int], bytearray] = self._first_encode
        self.decode: Callable[..., typing.Any] = self._first_decode

    def _first_encode(self, message: typing.Any, depth: int) -> bytearray:
        self.compile()
        return self.encode(message, depth)

    def _first_decode(self, *arguments: typing.Any) -> typing.Any:
        self.compile()
        return self.decode(*arguments)

    def compile(self) -> None:
        """Makes the functions, unless they are made."""
        if self.encode == self._first_encode:
            source = _Source(self.table)
            names = source.compile()
            self.encode, self.decode = names["encode"], names["decode"]


def codec(message: typing.Any) -> MessageCodec:
    """The codec of a message or of its class."""
    table = _fields.table(message)
    if table.codec is None:
        table.codec = MessageCodec(table)
    found: MessageCodec = table.codec
    return found


def serialize(message: typing.Any) -> bytes:
    """The encoding of a message. Raises ``EncodeError``, which names the field."""
    try:
        return bytes(codec(message).encode(message, 1))
    except EncodeError:
        raise
    except (ArithmeticError, AttributeError, LookupError) as error:
        reason: Exception = error
    except (TypeError, ValueError, struct.error) as error:
        reason = error
    _values.check(message)
    raise EncodeError(f"{_fields.table(message).full_name}: {reason}") from reason


def encode(kind: type, message: typing.Any) -> bytes:
    """The encoding of a message of a type. Raises ``EncodeError``, which names the
    field, and the type if the message is of another."""
    if type(message) is not kind:
        name, other = _fields.table(kind).full_name, type(message).__name__
        raise EncodeError(f"{name}: expected {kind.__name__}, got {other}")
    return serialize(message)


def parse(kind: type, data: bytes, into: typing.Any = None) -> typing.Any:
    """Decodes a message, or merges what is decoded into one. Raises ``DecodeError``."""
    try:
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))
        return codec(kind).decode(data, 0, len(data), 1, into)
    except DecodeError as error:
        reason: Exception = error
    except (IndexError, struct.error):
        reason = _wire.truncated()
    except UnicodeDecodeError:
        reason = DecodeError("a string is not valid UTF-8")
    name = _fields.table(kind).full_name
    raise DecodeError(f"{name} cannot be decoded: {reason}") from None


def prepare(kinds: list[type]) -> None:
    """Makes the codecs of these messages and of all that they hold, so that no call
    waits for it."""
    done: set[type] = set()
    while kinds:
        kind = kinds.pop()
        if kind not in done:
            done.add(kind)
            codec(kind).compile()
            for field in _fields.table(kind).fields:
                if field.type in ("message", "group"):
                    kinds.append(field.type_class)


_VARINTS = frozenset("int32 int64 uint32 uint64 sint32 sint64 bool enum".split())
_FIXED = {
    "double": ("d", 8),
    "float": ("f", 4),
    "fixed32": ("I", 4),
    "sfixed32": ("i", 4),
    "fixed64": ("Q", 8),
    "sfixed64": ("q", 8),
}
_ZERO = {
    "double": "0.0",
    "float": "0.0",
    "bool": "False",
    "string": '""',
    "bytes": 'b""',
}

# What a varint of a type stands for.
_FROM_VARINT = {
    "int32": "({v} & 0xffffffff ^ 0x80000000) - 0x80000000",
    "int64": "({v} ^ 0x8000000000000000) - 0x8000000000000000",
    "uint32": "{v} & 0xffffffff",
    "uint64": "{v}",
    "sint32": "({v} & 0xffffffff) >> 1 ^ -({v} & 1)",
    "sint64": "{v} >> 1 ^ -({v} & 1)",
    "bool": "{v} != 0",
}


class _Source:
    """The source of the functions of a message."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.lines: list[str] = []
        self.names: dict[str, typing.Any] = {
            "cls": table.message,
            "merge_json": _values.merge_json,
            "encode_json": _values.encode_json,
            "unpack": struct.unpack_from,
            "pack": struct.pack,
            "pack_float": _wire.pack_float,
            "varint": _wire.varint,
            "read_varint": _wire.read_varint,
            "skip": _wire.skip,
            "group_end": _wire.find_group_end,
            "truncated": _wire.truncated,
            "too_deep": _wire.too_deep,
            "missing": _missing,
            "out_of_range": _values.out_of_range,
            "EncodeError": EncodeError,
            "DecodeError": DecodeError,
            "NULL": _values.NULL,
        }

    def compile(self) -> dict[str, typing.Any]:
        self.encode_function()
        self.decode_function()
        source = "\n".join(self.lines)
        exec(compile(source, f"<codec of {self.table.full_name}>", "exec"), self.names)
        return self.names

    def add(self, indent: int, *lines: str) -> None:
        self.lines += ["    " * indent + line for line in lines]

    def name(self, value: typing.Any) -> str:
        """The name that the functions have for a value."""
        name = f"g{id(value)}"
        self.names[name] = value
        return name

    def codec(self, field: Field) -> str:
        return self.name(codec(field.type_class))

    # Decoding.

    def decode_function(self) -> None:
        attributes: dict[str, Field] = {}
        for field in self.table.fields:
            attributes.setdefault(field.attribute, field)
        self.places = {name: f"a{place}" for place, name in enumerate(attributes)}
        self.add(0, "def decode(d, p, e, depth, into=None):")
        self.add(1, "if depth > 100: raise too_deep()", "if into is None:")
        for name, field in attributes.items():
            self.add(2, f"{self.places[name]} = {self.start(field)}")
        self.add(2, "pass")
        self.add(1, "else:")
        for name in attributes:
            self.add(2, f"{self.places[name]} = into.{name}")
        self.add(2, "pass")
        self.add(1, "while p < e:")
        self.add(2, "t = d[p]; p += 1", "if t > 127: t, p = read_varint(d, p - 1)")
        tags = [(tag, field) for field in self.table.fields for tag in _tags(field)]
        self.choose(2, sorted(tags, key=lambda pair: pair[0]))
        self.add(1, "if p != e: raise truncated()")
        for name, field in attributes.items():
            if field.label == "required":
                self.add(
                    1,
                    f"if {self.places[name]} is None: raise missing({field.full_name!r})",
                )
        arguments = ", ".join(self.places.values())
        self.add(1, f"if into is None: return cls({arguments})")
        for name, place in self.places.items():
            self.add(1, f"into.{name} = {place}")
        self.add(1, "return into")

    def start(self, field: Field) -> str:
        """What an attribute is before something is read."""
        if field.is_repeated:
            return "[]"
        if field.label == "map":
            return "{}"
        if field.label == "implicit":
            return self.default(field)
        return "None"

    def default(self, field: Field) -> str:
        if field.type == "enum":
            kind = field.type_class
            is_zero = (case for case in kind if case == 0 and not _is_closed(field))
            return self.name(next(is_zero, next(iter(kind))))
        return _ZERO.get(field.type, "0")

    def choose(self, indent: int, tags: list[tuple[int, Field]]) -> None:
        """A binary search among the tags."""
        if len(tags) > 4:
            middle = len(tags) // 2
            self.add(indent, f"if t < {tags[middle][0]}:")
            self.choose(indent + 1, tags[:middle])
            self.add(indent, "else:")
            self.choose(indent + 1, tags[middle:])
            return
        word = "if"
        for tag, field in tags:
            self.add(indent, f"{word} t == {tag}:")
            self.read_field(indent + 1, field, tag & 7)
            word = "elif"
        self.add(indent, *(["else:"] if tags else ["if True:"]))
        self.add(indent + 1, "p = skip(d, p, t, e, depth)")

    def read_field(self, indent: int, field: Field, wire_type: int) -> None:
        place = self.places[field.attribute]
        if field.label == "map":
            self.read_entry(indent, field, place)
            return
        if field.is_repeated and wire_type == _wire.LENGTH and _is_packable(field):
            self.read_packed(indent, field, place)
            return
        before = place
        if field.label == "case" and _is_merged(field):
            case = self.name(field.case_class)
            self.add(indent, f"x = {place}.value if type({place}) is {case} else None")
            before = "x"
        elif field.is_repeated:
            before = "None"
        read = self.read_value(indent, field, "e", before)
        guard = "if v is not None: " if _is_closed(field) else ""
        if field.is_repeated:
            self.add(indent, f"{guard}{place}.append({read})")
        elif field.label == "case":
            case = self.name(field.case_class)
            self.add(indent, f"{guard}{place} = {case}({read})")
        elif field.label == "optional" and field.type == "value":
            self.add(indent, f"{place} = {read}")
            self.add(indent, f"if {place} is None: {place} = NULL")
        else:
            self.add(indent, f"{guard}{place} = {read}")

    def read_value(self, indent: int, field: Field, end: str, before: str) -> str:
        """Reads a value at ``p``; returns the expression that has it then."""
        kind = field.type
        if kind in _VARINTS:
            self.add(
                indent, "v = d[p]; p += 1", "if v > 127: v, p = read_varint(d, p - 1)"
            )
            return self.from_varint(indent, field)
        if kind in _FIXED:
            code, size = _FIXED[kind]
            self.add(indent, f"v = unpack('<{code}', d, p)[0]; p += {size}")
            return "v"
        if kind == "group":
            codec_name = self.codec(field)
            self.add(indent, f"q, r = group_end(d, p, t, {end}, depth)")
            value = f"{codec_name}.decode(d, p, q, depth + 1, {before})"
            self.add(indent, f"v = {value}", "p = r")
            return "v"
        self.add(
            indent,
            "n = d[p]; p += 1",
            "if n > 127: n, p = read_varint(d, p - 1)",
            "q = p + n",
            f"if q > {end}: raise truncated()",
        )
        self.add(indent, f"v = {self.content(field, before)}", "p = q")
        return "v"

    def content(self, field: Field, before: str) -> str:
        """What has the value of the bytes from ``p`` to ``q``."""
        kind = field.type
        if kind == "string":
            return "str(d[p:q], 'utf-8')"
        if kind == "bytes":
            return "d[p:q]"
        codec_name = self.codec(field)
        if kind == "message":
            return f"{codec_name}.decode(d, p, q, depth + 1, {before})"
        if kind in ("wrapper", "mask"):
            own = "value" if kind == "wrapper" else "paths"
            made = self.name(field.type_class)
            wrapped = f"None if {before} is None else {made}({before})"
            if before == "None":
                wrapped = "None"
            return f"{codec_name}.decode(d, p, q, depth + 1, {wrapped}).{own}"
        return f"merge_json({kind!r}, d, p, q, depth + 1, {before})"

    def from_varint(self, indent: int, field: Field) -> str:
        if field.type == "enum":
            kind = self.name(field.type_class)
            number = _FROM_VARINT["int32"].format(v="v")
            members = self.name({int(case): case for case in field.type_class})
            if _is_closed(field):
                self.add(indent, f"v = {members}.get({number})")
            else:
                self.add(indent, f"n = {number}")
                self.add(indent, f"v = {members}.get(n)")
                self.add(indent, f"if v is None: v = {kind}(n)")
            return "v"
        return _FROM_VARINT[field.type].format(v="v")

    def read_packed(self, indent: int, field: Field, place: str) -> None:
        self.add(
            indent,
            "n = d[p]; p += 1",
            "if n > 127: n, p = read_varint(d, p - 1)",
            "q = p + n",
            "if q > e: raise truncated()",
        )
        if field.type in _FIXED:
            code, size = _FIXED[field.type]
            self.add(indent, f"if n % {size}: raise truncated()")
            self.add(
                indent, f"{place} += unpack(f'<{{n // {size}}}{code}', d, p); p = q"
            )
            return
        self.add(indent, "while p < q:")
        read = self.read_value(indent + 1, field, "q", "None")
        guard = "if v is not None: " if _is_closed(field) else ""
        self.add(indent + 1, f"{guard}{place}.append({read})")
        self.add(indent, "if p != q: raise truncated()")

    def read_entry(self, indent: int, field: Field, place: str) -> None:
        key, value = field.entry
        self.add(
            indent,
            "n = d[p]; p += 1",
            "if n > 127: n, p = read_varint(d, p - 1)",
            "entry_end = p + n",
            "if entry_end > e: raise truncated()",
            f"key = {self.default(key)}; value = None; known = True",
            "while p < entry_end:",
        )
        inner = indent + 1
        self.add(inner, "t = d[p]; p += 1", "if t > 127: t, p = read_varint(d, p - 1)")
        self.add(inner, f"if t == {_tags(key)[0]}:")
        self.add(
            inner + 1, f"key = {self.read_value(inner + 1, key, 'entry_end', 'None')}"
        )
        self.add(inner, f"elif t == {_tags(value)[0]}:")
        read = self.read_value(inner + 1, value, "entry_end", "value")
        self.add(inner + 1, f"value = {read}")
        if _is_closed(value):
            self.add(inner + 1, "known = value is not None")
        self.add(inner, "else: p = skip(d, p, t, entry_end, depth)")
        self.add(indent, "if p != entry_end: raise truncated()")
        if value.type == "value":
            self.add(indent, f"{place}[key] = value")
            return
        self.add(indent, f"if value is None: value = {self.absent(value)}")
        self.add(indent, f"if known: {place}[key] = value")

    def absent(self, value: Field) -> str:
        """The value of an entry that has none."""
        if value.type in ("message", "group"):
            name = self.codec(value)
            return f"{name}.decode(d, p, p, depth + 1)"
        if value.type == "wrapper":
            return _ZERO.get(value.scalar, "0")
        return {"mask": "[]", "list": "[]", "struct": "{}"}.get(
            value.type, self.default(value)
        )

    # Encoding.

    def encode_function(self) -> None:
        self.add(0, "def encode(m, depth):", "    o = bytearray()")
        self.add(
            1,
            "if depth > 100: raise EncodeError('messages are nested more than 100 deep')",
        )
        oneofs: set[str] = set()
        for field in sorted(self.table.fields, key=lambda field: field.number):
            if field.label != "case":
                self.write_field(field)
            elif field.oneof not in oneofs:
                oneofs.add(field.oneof)
                self.write_oneof(self.table.oneofs[field.oneof])
        self.add(1, "return o")

    def write_oneof(self, cases: list[Field]) -> None:
        self.add(1, f"c = m.{cases[0].attribute}", "if c is not None:")
        self.add(2, "v = c.value", "k = type(c)")
        word = "if"
        for case in cases:
            kind = self.name(case.case_class)
            self.add(2, f"{word} k is {kind}:")
            self.write_value(3, case, _tags(case)[0])
            word = "elif"
        self.add(2, "else: raise TypeError(k)")

    def write_field(self, field: Field) -> None:
        tag = _tags(field)[0]
        self.add(1, f"v = m.{field.attribute}")
        if field.label == "map":
            self.write_map(field, tag)
        elif field.label == "packed" and _is_packable(field):
            self.write_packed(field, tag)
        elif field.is_repeated:
            self.add(1, "for v in v:")
            self.write_value(2, field, tag)
        elif field.label == "optional":
            self.add(1, "if v is not None:")
            if field.type == "value":
                self.add(2, "if v is NULL: v = None")
            self.write_value(2, field, tag)
        elif field.label == "required":
            self.write_value(1, field, tag)
        elif field.type in ("double", "float"):
            # Zero is not written, but the negative one is.
            self.add(1, "if v or str(v)[0] == '-':")
            self.write_value(2, field, tag)
        else:
            self.add(1, "if v:")
            self.write_value(2, field, tag)
            self.add(1, "elif v is None: raise TypeError")

    def write_value(self, indent: int, field: Field, tag: int, out: str = "o") -> None:
        """Writes ``v`` with a tag; without one if that is 0."""
        kind = field.type
        head = f"{out} += {_wire.varint(tag)!r}" if tag else "pass"
        if kind in _VARINTS:
            self.add(indent, *self.to_varint(field), f"{head}; n = v")
            self.add(
                indent,
                f"if n < 128: {out}.append(n)",
                f"else: {out} += varint(n)",
            )
        elif kind in _FIXED:
            code = _FIXED[kind][0]
            packed = "pack_float(v)" if kind == "float" else f"pack('<{code}', v)"
            self.add(indent, f"b = {packed}", f"{head}", f"{out} += b")
        elif kind == "group":
            name = self.codec(field)
            end = _wire.varint(tag + 1)
            self.add(indent, f"b = {name}.encode(v, depth + 1)", head)
            self.add(indent, f"{out} += b", f"{out} += {end!r}")
        else:
            self.add(indent, f"b = {self.bytes_of(field)}", "n = len(b)", head)
            self.add(
                indent,
                f"if n < 128: {out}.append(n)",
                f"else: {out} += varint(n)",
                f"{out} += b",
            )

    def bytes_of(self, field: Field) -> str:
        kind = field.type
        if kind == "string":
            return "v.encode()"
        if kind == "bytes":
            return "v"
        if kind in ("message", "wrapper", "mask"):
            name = self.codec(field)
            if kind == "message":
                return f"{name}.encode(v, depth + 1)"
            made = self.name(field.type_class)
            return f"{name}.encode({made}(v), depth + 1)"
        return f"encode_json({kind!r}, v, depth + 1)"

    def to_varint(self, field: Field) -> list[str]:
        """Makes a number that is not negative of ``v``."""
        kind = field.type
        if kind == "bool":
            return ["v = 1 if v else 0"]
        if kind == "enum":
            low, high = _fields.integer_range("int32")
        else:
            low, high = _fields.integer_range(kind)
        check = (
            f"if not {low} <= v <= {high}: raise out_of_range({field.full_name!r}, v)"
        )
        if kind in ("sint32", "sint64"):
            return [check, f"v = v << 1 ^ v >> {63 if kind == 'sint64' else 31}"]
        if low < 0:
            return [check, "if v < 0: v += 0x10000000000000000"]
        return [check]

    def write_packed(self, field: Field, tag: int) -> None:
        self.add(1, "if v:")
        if field.type in _FIXED and field.type != "float":
            code = _FIXED[field.type][0]
            self.add(2, f"b = pack(f'<{{len(v)}}{code}', *v)")
        else:
            self.add(2, "b = bytearray()", "for v in v:")
            self.write_value(3, field, 0, "b")
        self.add(2, f"o += {_wire.varint(tag)!r}; o += varint(len(b)); o += b")

    def write_map(self, field: Field, tag: int) -> None:
        key, value = field.entry
        self.add(1, "for k, x in v.items():", "    w = bytearray(); v = k")
        self.write_value(2, key, _tags(key)[0], "w")
        self.add(2, "v = x")
        self.write_value(2, value, _tags(value)[0], "w")
        self.add(2, f"o += {_wire.varint(tag)!r}; o += varint(len(w)); o += w")


def _missing(name: str) -> DecodeError:
    return DecodeError(f"required field `{name}` is missing")


def _wire_type(field: Field) -> int:
    if field.type in _VARINTS:
        return _wire.VARINT
    if field.type in _FIXED:
        return _wire.FIXED32 if _FIXED[field.type][1] == 4 else _wire.FIXED64
    return _wire.START_GROUP if field.type == "group" else _wire.LENGTH


def _is_packable(field: Field) -> bool:
    return field.type in _VARINTS or field.type in _FIXED


def _is_merged(field: Field) -> bool:
    """Whether a second value is merged into the first."""
    return field.type not in ("string", "bytes") and not _is_packable(field)


def _is_closed(field: Field) -> bool:
    return field.type == "enum" and _values.is_closed(field.type_class)


def _tags(field: Field) -> list[int]:
    """The tag that a field is written with comes first."""
    if field.label == "map":
        return [field.number << 3 | _wire.LENGTH]
    own = field.number << 3 | _wire_type(field)
    packed = field.number << 3 | _wire.LENGTH
    if not field.is_repeated or not _is_packable(field):
        return [own]
    return [packed, own] if field.label == "packed" else [own, packed]
