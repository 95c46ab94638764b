"""A guest that answers with everything that the host says of a call."""

import okra
from gen.test.surface.v1 import CallDescription, DescribeRequest, Surface


def refuses(context: okra.Context, name: str) -> bool:
    try:
        context.add_header(name, "0")
    except okra.InvalidMetadata:
        return True
    return False


class SurfaceService(Surface):
    def describe(
        self, request: DescribeRequest, context: okra.Context
    ) -> CallDescription:
        context.add_header("x-header", "header")
        context.add_trailer("x-trailer", "trailer")
        words = [value.decode() for value in context.metadata.get_all("x-word")]
        words += [value.hex() for value in context.metadata.get_all("x-word-bin")]
        timeout = context.timeout
        return CallDescription(
            service=context.service,
            method=context.method,
            protocol=context.protocol.value,
            codec=context.codec.value,
            get_query=context.get_query,
            metadata=words,
            timeout_ms=None if timeout is None else round(timeout * 1000),
            has_remaining=bool(context.remaining),
            has_peer=context.peer is not None,
            caller=context.caller,
            certificate_bytes=len(context.client_certificate or b""),
            authority=context.authority,
            chain=context.chain,
            cancelled=context.cancelled,
            refuses_protocol_header=refuses(context, "grpc-status"),
        )


okra.export(SurfaceService())
