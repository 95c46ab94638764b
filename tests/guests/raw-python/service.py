"""A guest that gets its messages encoded."""

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


okra.export(Echo())
