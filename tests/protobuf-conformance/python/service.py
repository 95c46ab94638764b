"""Answers each message of protobuf's conformance suite with itself."""

import okra
from gen.conformance.echo.v1 import Echo


class EchoService(Echo):
    def proto2(self, request, context):
        return request

    def proto3(self, request, context):
        return request

    def edition_proto2(self, request, context):
        return request

    def edition_proto3(self, request, context):
        return request

    def edition2023(self, request, context):
        return request


okra.export(EchoService())
