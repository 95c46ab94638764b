"""Answers each message with itself."""

import okra
from gen.test.mirror.v1 import Mirror


def mirror(name: str):
    def unary(self, request, context):
        return request

    def stream(self, requests, context):
        yield from requests

    def empty(self, context):
        return None

    return {"empty": empty, "stream": stream, "values": stream, "ticks": stream}.get(
        name, unary
    )


functions = {name: mirror(name) for name in Mirror.__methods__.values()}
okra.export(type("MirrorService", (Mirror,), functions)())
