"""Service `bench.echo.v1.Echo` on grpcio: `server.py sync` or `server.py asyncio`.

As the guest does, it takes each message apart into values of Python and makes the answer of them: a server that hands the
request on as it is would do nothing with it at all.
"""

import asyncio
import importlib
import os
import sys
import tempfile
from concurrent import futures
from pathlib import Path

import grpc
from grpc_tools import protoc

PROTO = Path(__file__).parents[1] / "proto"
# As many threads as OKRA has instances.
WORKERS = 16


def stubs():
    out = tempfile.mkdtemp()
    file = "bench/echo/v1/echo.proto"
    assert protoc.main(["protoc", f"-I{PROTO}", f"--python_out={out}", f"--grpc_python_out={out}", file]) == 0
    sys.path.insert(0, out)
    module = "bench.echo.v1.echo_pb2"
    return importlib.import_module(module), importlib.import_module(module + "_grpc")


messages, services = stubs()


def note(request):
    title, text, number = request.title, request.text, request.number
    return messages.Note(title=title, text=text, number=number)


def basket(request):
    items = [(item.name, item.quantity, item.price, item.in_stock) for item in request.items]
    return messages.Basket(
        items=[
            messages.Item(name=name, quantity=quantity, price=price, in_stock=in_stock)
            for name, quantity, price, in_stock in items
        ]
    )


class Sync(services.EchoServicer):
    def Small(self, request, context):
        return note(request)

    def Items(self, request, context):
        return basket(request)


class Asyncio(services.EchoServicer):
    async def Small(self, request, context):
        return note(request)

    async def Items(self, request, context):
        return basket(request)


def listening(port: int):
    print(f"listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=WORKERS))
    services.add_EchoServicer_to_server(Sync(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    listening(port)
    server.wait_for_termination()


async def serve_asyncio():
    server = grpc.aio.server()
    services.add_EchoServicer_to_server(Asyncio(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    listening(port)
    await server.wait_for_termination()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    if sys.argv[1] == "sync":
        serve()
    else:
        asyncio.run(serve_asyncio())
