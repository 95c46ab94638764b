"""The details that errors usually carry: the messages of
``google/rpc/error_details.proto``, which clients of every language know::

    wrong = okra.details.BadRequest()
    wrong.violation("name", "must not be empty")
    raise okra.InvalidArgument("the request has a mistake", details=[wrong])

A caught error gives them back::

    except okra.InvalidArgument as error:
        wrong = error.detail(okra.details.BadRequest)

Any other message of the project may be a detail, too.
"""

from __future__ import annotations

import dataclasses

from ._fields import describe
from ._message import Message
from ._well_known import Any, Duration


@dataclasses.dataclass(slots=True)
class ErrorInfo(Message):
    """``google.rpc.ErrorInfo``: why a call failed, for programs."""

    reason: str = ""
    """The cause, such as ``CARD_EXPIRED``; unique within the domain."""
    domain: str = ""
    """Whose reason it is, such as ``billing.shop.example``."""
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(slots=True)
class RetryInfo(Message):
    """``google.rpc.RetryInfo``: when the call may be tried again."""

    retry_delay: Duration | None = None
    """How long to wait at least."""


@dataclasses.dataclass(slots=True)
class DebugInfo(Message):
    """``google.rpc.DebugInfo``: what developers need to find a mistake."""

    stack_entries: list[str] = dataclasses.field(default_factory=list)
    detail: str = ""


@dataclasses.dataclass(slots=True)
class QuotaFailure(Message):
    """``google.rpc.QuotaFailure``: which quotas are exhausted."""

    @dataclasses.dataclass(slots=True)
    class Violation(Message):
        """A quota that is exhausted."""

        subject: str = ""
        description: str = ""
        api_service: str = ""
        quota_metric: str = ""
        quota_id: str = ""
        quota_dimensions: dict[str, str] = dataclasses.field(default_factory=dict)
        quota_value: int = 0
        future_quota_value: int | None = None

    violations: list[QuotaFailure.Violation] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class PreconditionFailure(Message):
    """``google.rpc.PreconditionFailure``: which preconditions do not hold."""

    @dataclasses.dataclass(slots=True)
    class Violation(Message):
        """A precondition that does not hold."""

        type: str = ""
        subject: str = ""
        description: str = ""

    violations: list[PreconditionFailure.Violation] = dataclasses.field(
        default_factory=list
    )


@dataclasses.dataclass(slots=True)
class LocalizedMessage(Message):
    """``google.rpc.LocalizedMessage``: a text for users, in their language."""

    locale: str = ""
    """Such as ``en-US``, as of BCP 47."""
    message: str = ""


@dataclasses.dataclass(slots=True)
class BadRequest(Message):
    """``google.rpc.BadRequest``: which fields of a request are wrong."""

    @dataclasses.dataclass(slots=True)
    class FieldViolation(Message):
        """A field that is wrong."""

        field: str = ""
        """Its path, such as ``lines[1].unit_price``."""
        description: str = ""
        reason: str = ""
        localized_message: LocalizedMessage | None = None

    field_violations: list[BadRequest.FieldViolation] = dataclasses.field(
        default_factory=list
    )

    def violation(self, field: str, description: str) -> None:
        """Adds a field that is wrong."""
        self.field_violations.append(BadRequest.FieldViolation(field, description))


@dataclasses.dataclass(slots=True)
class RequestInfo(Message):
    """``google.rpc.RequestInfo``: by what a request is found in logs."""

    request_id: str = ""
    serving_data: str = ""


@dataclasses.dataclass(slots=True)
class ResourceInfo(Message):
    """``google.rpc.ResourceInfo``: which resource is at fault."""

    resource_type: str = ""
    resource_name: str = ""
    owner: str = ""
    description: str = ""


@dataclasses.dataclass(slots=True)
class Help(Message):
    """``google.rpc.Help``: where to read on."""

    @dataclasses.dataclass(slots=True)
    class Link(Message):
        """A page."""

        description: str = ""
        url: str = ""

    links: list[Help.Link] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Status(Message):
    """``google.rpc.Status``: an error with its details, as ``grpc-status-details-bin``
    carries it."""

    code: int = 0
    message: str = ""
    details: list[Any] = dataclasses.field(default_factory=list)


describe(
    ErrorInfo,
    "google.rpc.ErrorInfo",
    "1 reason implicit string",
    "2 domain implicit string",
    "3 metadata map:string string",
)
describe(
    RetryInfo,
    "google.rpc.RetryInfo",
    "1 retry_delay optional message google.protobuf.Duration",
)
describe(
    DebugInfo,
    "google.rpc.DebugInfo",
    "1 stack_entries repeated string",
    "2 detail implicit string",
)
describe(
    QuotaFailure,
    "google.rpc.QuotaFailure",
    "1 violations repeated message google.rpc.QuotaFailure.Violation",
)
describe(
    QuotaFailure.Violation,
    "google.rpc.QuotaFailure.Violation",
    "1 subject implicit string",
    "2 description implicit string",
    "3 api_service implicit string",
    "4 quota_metric implicit string",
    "5 quota_id implicit string",
    "6 quota_dimensions map:string string",
    "7 quota_value implicit int64",
    "8 future_quota_value optional int64",
)
describe(
    PreconditionFailure,
    "google.rpc.PreconditionFailure",
    "1 violations repeated message google.rpc.PreconditionFailure.Violation",
)
describe(
    PreconditionFailure.Violation,
    "google.rpc.PreconditionFailure.Violation",
    "1 type implicit string",
    "2 subject implicit string",
    "3 description implicit string",
)
describe(
    LocalizedMessage,
    "google.rpc.LocalizedMessage",
    "1 locale implicit string",
    "2 message implicit string",
)
describe(
    BadRequest,
    "google.rpc.BadRequest",
    "1 field_violations repeated message google.rpc.BadRequest.FieldViolation",
)
describe(
    BadRequest.FieldViolation,
    "google.rpc.BadRequest.FieldViolation",
    "1 field implicit string",
    "2 description implicit string",
    "3 reason implicit string",
    "4 localized_message optional message google.rpc.LocalizedMessage",
)
describe(
    RequestInfo,
    "google.rpc.RequestInfo",
    "1 request_id implicit string",
    "2 serving_data implicit string",
)
describe(
    ResourceInfo,
    "google.rpc.ResourceInfo",
    "1 resource_type implicit string",
    "2 resource_name implicit string",
    "3 owner implicit string",
    "4 description implicit string",
)
describe(Help, "google.rpc.Help", "1 links repeated message google.rpc.Help.Link")
describe(
    Help.Link,
    "google.rpc.Help.Link",
    "1 description implicit string",
    "2 url implicit string",
)
describe(
    Status,
    "google.rpc.Status",
    "1 code implicit int32",
    "2 message implicit string",
    "3 details repeated message google.protobuf.Any",
)
