"""A guest that streams in every shape, and calls itself so."""

import itertools
from collections.abc import Iterator

import okra
from gen.test.streams.v1 import Number, Onward, Streams, StreamsClient, Told


class StreamsService(Streams):
    def count(self, request: Number, context: okra.Context) -> Iterator[Number]:
        return map(Number, range(1, request.value + 1))

    def sum(self, requests: Iterator[Number], context: okra.Context) -> Number:
        return Number(sum(request.value for request in requests))

    def double(
        self, requests: Iterator[Number], context: okra.Context
    ) -> Iterator[Number]:
        for request in requests:
            yield Number(request.value * 2)

    def shout(
        self, requests: Iterator[Number], context: okra.Context
    ) -> list[Number]:
        return [Number(value) for value in range(1, 4)]

    def break_(self, request: Number, context: okra.Context) -> Iterator[Number]:
        context.add_header("x-early", "header")
        yield request
        try:
            context.add_header("x-late", "header")
        except okra.InvalidMetadata:
            pass
        else:
            raise okra.Internal("headers can be set after the first message")
        yield Number(request.value + 1)
        context.add_trailer("x-end", "trailer")
        raise okra.Aborted("on purpose")

    def nothing(self, request: Number, context: okra.Context) -> list[Number]:
        context.add_header("x-early", "header")
        context.add_trailer("x-end", "trailer")
        return []

    def panic(
        self, requests: Iterator[Number], context: okra.Context
    ) -> Iterator[Number]:
        yield Number(1)
        raise ValueError("on purpose")

    def spin(self, request: Number, context: okra.Context) -> Iterator[Number]:
        try:
            while True:
                yield Number()
        finally:
            while True:
                pass

    def until(self, requests: Iterator[Number], context: okra.Context) -> Number:
        for request in requests:
            if request.value > 10:
                return request
        raise okra.OutOfRange("none was over 10")


class OnwardService(Onward):
    def __init__(self) -> None:
        self.streams = StreamsClient()

    def count(self, request: Number, context: okra.Context) -> Iterator[Number]:
        return self.streams.count(request)

    def sum(self, requests: Iterator[Number], context: okra.Context) -> Number:
        return self.streams.sum(list(requests))

    def double(
        self, requests: Iterator[Number], context: okra.Context
    ) -> Iterator[Number]:
        call = self.streams.double()
        for request in requests:
            call.write(request)
            if (response := call.read()) is not None:
                yield response
        call.done_writing()
        if call.read() is not None:
            raise okra.Internal("more responses than requests")

    def leave(self, request: Number, context: okra.Context) -> Number:
        numbers = self.streams.count(Number(2**63))
        return Number(len(list(itertools.islice(numbers, request.value))))

    def tell(self, request: Number, context: okra.Context) -> Told:
        text = ""
        with okra.outgoing() as scope:
            try:
                for number in self.streams.break_(request):
                    text += f"{number.value} "
            except okra.Error as error:
                text += str(error)
            header, trailer = scope.headers.get("x-early"), scope.trailers.get("x-end")
        return Told(f"{text}, {header}, {trailer}")


okra.export(StreamsService(), OnwardService())
