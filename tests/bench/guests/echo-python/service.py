"""Service `bench.echo.v1.Echo`, which the servers on grpcio have too."""

from collections.abc import Iterator

import okra
from gen.bench.echo.v1 import Basket, Blob, Echo, FeedRequest, Note


class EchoService(Echo):
    def small(self, request: Note, context: okra.Context) -> Note:
        return request

    def items(self, request: Basket, context: okra.Context) -> Basket:
        return request

    def bytes(self, request: Blob, context: okra.Context) -> Blob:
        return request

    def talk(self, requests: Iterator[Blob], context: okra.Context) -> Iterator[Blob]:
        return requests

    def feed(self, request: FeedRequest, context: okra.Context) -> Iterator[Blob]:
        blob = Blob(bytes(request.size))
        for _ in range(request.count):
            yield blob


okra.export(EchoService())
