"""A guest that gets its messages encoded."""

from collections.abc import Iterator

import okra


class Echo(okra.RawService):
    def handle(self, method: str, request: bytes, context: okra.Context) -> bytes:
        match method:
            case "/test.raw.v1.Echo/Upper":
                # A field with a string: tag and length stay, ASCII letters change.
                return request.upper()
            case "/test.raw.v1.Echo/Much":
                return bytes(2 << 10)
            case "/test.raw.v1.Echo/Panic":
                raise RuntimeError("on purpose")
            case _:
                raise okra.Unimplemented(f"{method} is not there")

    def handle_stream(
        self, method: str, requests: Iterator[bytes], context: okra.Context
    ) -> Iterator[bytes]:
        match method:
            case "/test.raw.v1.Echo/Each":
                yield from (request.upper() for request in requests)
            case "/test.raw.v1.Echo/Repeat":
                for request in requests:
                    yield from (request, request)
            case "/test.raw.v1.Echo/Last":
                yield from list(requests)[-1:]
            case "/test.raw.v1.Echo/TooMany":
                yield from requests
            case _:
                raise okra.Unimplemented(f"{method} is not there")


okra.export(Echo())
