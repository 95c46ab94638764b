"""What is between componentize-py's bindings and the generated code, within a component.

componentize-py makes values of the component's types by calling what the modules of
``wit_world`` name, and takes them apart by attributes. So those modules are made here,
and name the generated classes themselves: most messages go in and out as they are, and
nothing is copied. Only what Python cannot hold in the form of the component is changed,
by code that is generated for it.

Imported by the app module that ``okra build`` generates, and nowhere else.
"""

from __future__ import annotations

import collections
import contextlib
import enum
import importlib
import json
import logging
import sys
import traceback
import types
import typing
from collections.abc import Callable, Iterable, Iterator

from . import _codec, _context, _metadata, _outgoing, _service, calls
from ._enums import Enum
from ._errors import Code, Detail, Error
from ._values import NULL, Null
from ._well_known import JsonValue

Err: typing.Any = __import__("componentize_py_types").Err

Convert = Callable[[typing.Any], typing.Any]


def types_module(name: str) -> typing.Any:
    """A module of types of ``wit_world``, still empty. Comes before the modules that
    import it."""
    module = types.ModuleType(f"wit_world.imports.{name}")
    sys.modules[module.__name__] = module
    return module


# How calls fail.

_status = types_module("okra_status")
_status.Code = lambda index: Code(index + 1)
_status.Detail = Detail
_status.Entry = lambda name, value: (name, value)
_status.Error = lambda code, message, details, metadata: Error.of(
    code, message, details=details, metadata=metadata
)


def _entries(metadata: _metadata.Metadata) -> list[types.SimpleNamespace]:
    return [types.SimpleNamespace(name=name, value=value) for name, value in metadata]


def _lowered(error: Error) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        code=types.SimpleNamespace(value=error.code - 1),
        message=error.message,
        details=error.details,
        metadata=_entries(error.metadata),
    )


def failure(error: BaseException) -> BaseException:
    """What a handler raised, as the component fails with it."""
    if not isinstance(error, Error):
        # The caller learns what happened, not where.
        traceback.print_exception(error)
        error = Error(Code.INTERNAL, f"the handler raised {type(error).__name__}")
    failed: BaseException = Err(_lowered(error))
    return failed


# Enums and messages.


class _Case(enum.EnumType):
    """The type of a member of an open enum: componentize-py tells cases by type, makes
    the value of a case by calling its type, and asks it for ``value``."""

    def __call__(cls, *payload: typing.Any) -> typing.Any:  # type: ignore[override]
        return cls.__make__(*payload)  # type: ignore[attr-defined]


def open_enum(
    module: typing.Any,
    name: str,
    of: type[Enum],
    cases: dict[str, int],
    unrecognized: str,
) -> None:
    """Makes an enum the variant ``name`` of a module: ``cases`` has the numbers."""

    def case(name: str, make: Callable[..., typing.Any]) -> typing.Any:
        body = {"__make__": staticmethod(make), "__module__": of.__module__}
        made = type.__new__(_Case, name, (of,), body)
        setattr(module, name, made)
        return made

    for suffix, number in cases.items():
        member = of(number)
        member.__class__ = case(f"{name}_{suffix}", lambda member=member: member)
    kind = case(f"{name}_{unrecognized}", lambda number: of(number))
    setattr(of, "__unrecognized__", kind)


def closed_enum(numbers: list[int]) -> Convert:
    """What lowers an enum without unknown numbers: the place among its cases."""
    places = {
        number: types.SimpleNamespace(value=place)
        for place, number in enumerate(numbers)
    }
    return places.__getitem__


def case(module: typing.Any, name: str, lift: Convert) -> Convert:
    """Makes the case ``name`` of a variant, which ``lift`` makes a value of, and gives
    what lowers its payload."""

    class Case:
        __slots__ = ("value",)
        value: typing.Any

        def __new__(cls, payload: typing.Any) -> typing.Any:
            return lift(payload)

    setattr(module, name, Case)

    def lower(payload: typing.Any) -> Case:
        made: Case = object.__new__(Case)
        made.value = payload
        return made

    return lower


def record(**fields: typing.Any) -> types.SimpleNamespace:
    """A message that is changed before it goes out."""
    return types.SimpleNamespace(**fields)


def from_json(text: str) -> typing.Any:
    """A ``google.protobuf.Value``: its numbers are all floats."""
    return json.loads(text, parse_int=float)


def from_json_or_null(text: str) -> typing.Any:
    """The same where None means that there is no value."""
    value = from_json(text)
    return NULL if value is None else value


def to_json(value: JsonValue | Null) -> str:
    """JSON text of what a ``google.protobuf.Value`` holds."""
    return json.dumps(None if value is NULL else value, ensure_ascii=False)


# Messages that cross the border of the component in their encoding.

encode = _codec.encode
decode = _codec.parse
prepare = _codec.prepare


# The call that is being served.

_interfaces: dict[str, typing.Any] = {}
_host: typing.Any = None
_outgoing_host: typing.Any = None
_log_host: typing.Any = None


class _HostContext(_context.Context):
    @property
    def service(self) -> str:
        return str(_host.service())

    @property
    def method(self) -> str:
        return str(_host.method())

    @property
    def protocol(self) -> _context.Protocol:
        return _context.Protocol(_host.protocol())

    @property
    def codec(self) -> _context.Codec:
        return _context.Codec(_host.codec())

    @property
    def get_query(self) -> str | None:
        query: str | None = _host.get_query()
        return query

    @property
    def metadata(self) -> _metadata.Metadata:
        return _metadata.Metadata(_host.metadata())

    @property
    def timeout(self) -> float | None:
        return _seconds(_host.timeout())

    @property
    def remaining(self) -> float | None:
        return _seconds(_host.remaining())

    @property
    def peer(self) -> str | None:
        peer: str | None = _host.peer()
        return peer

    @property
    def caller(self) -> str | None:
        caller: str | None = _host.caller()
        return caller

    @property
    def client_certificate(self) -> bytes | None:
        certificate = _host.client_certificate()
        return None if certificate is None else bytes(certificate)

    @property
    def authority(self) -> str | None:
        authority: str | None = _host.authority()
        return authority

    @property
    def chain(self) -> list[str]:
        return list(_host.chain())

    @property
    def cancelled(self) -> bool:
        return bool(_host.cancelled())

    def add_header(self, name: str, value: _metadata.Value) -> None:
        with _taken():
            _host.add_header(name, _metadata.encoded(value))

    def add_trailer(self, name: str, value: _metadata.Value) -> None:
        with _taken():
            _host.add_trailer(name, _metadata.encoded(value))


context = _HostContext()


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


@contextlib.contextmanager
def _taken() -> Iterator[None]:
    """The host says in words why it does not take metadata."""
    try:
        yield
    except Err as refused:
        raise _metadata.InvalidMetadata(refused.value) from None


def implementation(service: type) -> typing.Any:
    """The object that was exported for a service."""
    for exported in _service.exported:
        if isinstance(exported, service):
            return exported
    name = service.__name__
    raise SystemExit(
        f"service.py exports nothing that implements `{name}`: subclass it, and pass "
        "an object of the class to `okra.export()`"
    )


# Streams.


def requests(reader: typing.Any) -> Iterator[typing.Any]:
    """The messages of a stream, until it ends or fails. Those that have come are taken from
    the host together."""
    read = reader.read_batch
    while batch := received(read):
        yield from batch


def received(read: Callable[..., typing.Any], *argument: object) -> typing.Any:
    """What a function of the host gives, or the error that it fails with."""
    try:
        return read(*argument)
    except Err as failed:
        raise failed.value from None


def write(writer: typing.Any, message: typing.Any) -> None:
    """Sends a message, and waits if there is no room for it."""
    if not received(writer.try_write, message):
        received(writer.write, message)


def write_each(
    writer: typing.Any, lower: Convert | None, messages: Iterable[typing.Any]
) -> None:
    """Sends messages: those of a list or a tuple together, others as they come."""
    if isinstance(messages, (list, tuple)):
        if messages:
            lowered = [lower(message) for message in messages] if lower else messages
            received(writer.write_all, list(lowered))
        return
    for message in messages:
        write(writer, lower(message) if lower else message)


def respond(
    responses: typing.Any, lower: Convert | None, messages: Iterable[typing.Any]
) -> None:
    """Writes what a handler yields. If the reader is gone the handler is closed as
    generators are, and what the host said is raised."""
    if isinstance(messages, (list, tuple)):
        write_each(responses, lower, messages)
        return
    iterator = iter(messages)
    try:
        write_each(responses, lower, iterator)
    finally:
        if close := getattr(iterator, "close", None):
            close()


# Calls of other services.


class Client(typing.NamedTuple):
    """How a method is called: the function of the host, and what changes messages. The
    answer of a method without one, of ``google.protobuf.Empty``, is None."""

    call: Callable[..., typing.Any]
    lower: Convert | None = None
    lift: Convert | None = None


def _same(value: typing.Any) -> typing.Any:
    return value


class _Transport(calls.Transport):
    def __init__(self, clients: dict[str, Client]) -> None:
        self.clients = clients

    def client(self, path: str) -> Client:
        if path not in self.clients:
            service = path[1:].partition("/")[0]
            raise Error(
                Code.UNIMPLEMENTED,
                f"`{service}` is not called: name it in `calls` in okra.toml",
            )
        return self.clients[path]

    def unary(self, path: str, request: object) -> typing.Any:
        call, lower, lift = self.client(path)
        argument = () if request is None else (lower(request) if lower else request,)
        response = received(call, *argument)
        return lift(response) if lift else response

    def server_stream(self, path: str, request: object) -> Iterator[typing.Any]:
        call, lower, lift = self.client(path)
        argument = () if request is None else (lower(request) if lower else request,)
        return map(lift or _same, requests(received(call, *argument)))

    def client_stream(self, path: str, requests: Iterable[object]) -> typing.Any:
        call, lower, lift = self.client(path)
        opened = received(call)
        write_each(opened, lower, requests)
        response = received(opened.finish)
        return lift(response) if lift else response

    def stream(self, path: str) -> calls.Call[typing.Any, typing.Any]:
        call, lower, lift = self.client(path)
        return _Call(received(call), lower or _same, lift or _same)

    @contextlib.contextmanager
    def scope(
        self, timeout: float | None, metadata: _metadata.Metadata
    ) -> Iterator[_outgoing.Scope]:
        with _outgoing_host.Scope() as scope:
            if timeout is not None:
                scope.set_timeout(int(timeout * 1e9))
            with _taken():
                for name, value in metadata:
                    scope.add_metadata(name, value)
            yield _Scope(scope)


class _Call(calls.Call[typing.Any, typing.Any]):
    def __init__(self, call: typing.Any, lower: Convert, lift: Convert) -> None:
        self.call, self.lower, self.lift = call, lower, lift
        self.ahead: collections.deque[typing.Any] = collections.deque()

    def write(self, request: typing.Any) -> None:
        write(self.call, self.lower(request))

    def write_all(self, requests: Iterable[typing.Any]) -> None:
        write_each(self.call, self.lower, requests)

    def done_writing(self) -> None:
        received(self.call.done_writing)

    def read(self) -> typing.Any:
        if not self.ahead:
            self.ahead.extend(received(self.call.read_batch))
        return self.lift(self.ahead.popleft()) if self.ahead else None


class _Scope(_outgoing.Scope):
    def __init__(self, scope: typing.Any) -> None:
        self.scope = scope

    @property
    def headers(self) -> _metadata.Metadata:
        return _metadata.Metadata(self.scope.headers())

    @property
    def trailers(self) -> _metadata.Metadata:
        return _metadata.Metadata(self.scope.trailers())


class _Log(logging.Handler):
    """What is logged goes to the host's log: what is given as ``extra`` as fields."""

    ATTRIBUTES = frozenset(
        {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
    )

    def emit(self, record: logging.LogRecord) -> None:
        level = _level(record.levelno)
        if _log_host.enabled(level):
            fields = [
                _log_host.Field(name, str(value))
                for name, value in vars(record).items()
                if name not in self.ATTRIBUTES
            ]
            _log_host.write(level, self.format(record), fields)


def _level(number: int) -> typing.Any:
    for at_least, name in (
        (logging.ERROR, "ERROR"),
        (logging.WARNING, "WARN"),
        (logging.INFO, "INFO"),
        (logging.DEBUG, "DEBUG"),
    ):
        if number >= at_least:
            return _log_host.Level[name]
    return _log_host.Level.TRACE


def interface(name: str) -> typing.Any:
    """Returns the bindings of an interface of ``wit/``, such as ``kv``.

    Raises ``RuntimeError`` outside of a component, where there is no host.
    """
    try:
        return _interfaces[name]
    except KeyError:
        raise RuntimeError(f"there is no host that offers `{name}` here") from None


def start(interfaces: dict[str, typing.Any], clients: dict[str, Client]) -> None:
    """Takes the bindings of the host's interfaces, by their names in ``wit/``. Called before
    ``service.py`` is imported."""
    global _host, _outgoing_host, _log_host
    _interfaces.update(interfaces)
    _host, _outgoing_host, _log_host = (
        interfaces[name] for name in ("context", "outgoing", "log")
    )
    calls.use(_Transport(clients))


def import_deferred() -> None:
    """Imports what functions of the modules that are here import when they are called:
    in a running component there is no file system to import from. What cannot be
    imported is left to the function, which may do without it."""
    imports = __import__("okra_deferred").IMPORTS
    done: set[str] = set()
    while left := [
        name for name in imports if name in sys.modules and name not in done
    ]:
        done.update(left)
        for module, name in (pair for found in left for pair in imports[found]):
            with contextlib.suppress(Exception, SystemExit):
                importlib.import_module(module)
                if name and not hasattr(sys.modules[module], name):
                    importlib.import_module(f"{module}.{name}")


def ready() -> None:
    """Comes after ``service.py``: while that is imported there is no host to log to."""
    # The host decides which lines are kept.
    logging.basicConfig(level=logging.NOTSET, handlers=[_Log()], format="%(message)s")
