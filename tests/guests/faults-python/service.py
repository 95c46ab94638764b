"""A guest that does everything wrong that a handler can do wrong."""

import os
import sys
import threading
import time

import okra
from gen.test.faults.v1 import Counted, Faults, Payload, Seen


def deeper(depth: int) -> int:
    return deeper(depth + 1) + depth


def spin() -> None:
    while True:
        pass


class FaultsService(Faults):
    def __init__(self) -> None:
        self.calls = 0

    def echo(self, request: Payload, context: okra.Context) -> Payload:
        return request

    def panic(self, request: Payload, context: okra.Context) -> Payload:
        raise ValueError(request.text)

    def overflow_stack(self, request: Payload, context: okra.Context) -> Payload:
        sys.setrecursionlimit(1_000_000)
        return Payload(text=str(deeper(0)))

    def spin(self, request: Payload, context: okra.Context) -> Payload:
        spin()
        return request

    def allocate(self, request: Payload, context: okra.Context) -> Payload:
        everything = []
        while True:
            everything.append(b"1" * (1 << 20))

    def answer_too_much(self, request: Payload, context: okra.Context) -> Payload:
        return Payload(text="x" * (5 << 20))

    def fail(self, request: Payload, context: okra.Context) -> Payload:
        detail = okra.Detail("type.googleapis.com/test.Detail", bytes([1, 2, 3]))
        raise okra.FailedPrecondition(
            request.text, details=[detail], metadata=[("x-why", "because")]
        )

    def tell(self, request: Payload, context: okra.Context) -> Seen:
        return Seen(
            service=context.service,
            method=context.method,
            metadata=[name for name, _ in context.metadata],
            has_deadline=context.remaining is not None,
        )

    def say(self, request: Payload, context: okra.Context) -> Payload:
        context.add_header("x-header-bin", request.text)
        context.add_trailer("x-trailer", "said")
        return request

    def count(self, request: Payload, context: okra.Context) -> Counted:
        self.calls += 1
        return Counted(self.calls)

    def exit(self, request: Payload, context: okra.Context) -> Payload:
        os._exit(3)

    def print(self, request: Payload, context: okra.Context) -> Payload:
        sys.stdout.buffer.write(b"\xff\xfe\0 half of a line")
        sys.stdout.flush()
        return request

    def start_threads(self, request: Payload, context: okra.Context) -> Payload:
        try:
            threading.Thread(target=spin, daemon=True).start()
        except RuntimeError:
            return Payload(text="refused")
        return Payload(text="started")

    def sleep(self, request: Payload, context: okra.Context) -> Payload:
        time.sleep(0.02)
        return request


okra.export(FaultsService())
