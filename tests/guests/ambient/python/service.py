"""A guest that tries to reach what it was not given."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import okra
from gen.test.ambient.v1 import Ambient, Attempt, Outcome

What = Attempt.What


def connect(port: int) -> str:
    with socket.socket() as connection:
        connection.connect(("127.0.0.1", port))
    return "connected"


def write(path: str) -> str:
    with open(path, "w") as file:
        file.write("written")
    return "written"


ATTEMPTS: dict[type, Callable[..., object]] = {
    What.ReadFile: lambda path: open(path).read(),
    What.WriteFile: write,
    What.ListFolder: lambda path: len(os.listdir(path)),
    What.ConnectPort: connect,
    What.Resolve: lambda name: len(socket.getaddrinfo(name, 80)),
    What.Environment: lambda _: len(os.environ),
    What.Arguments: lambda _: len(sys.argv),
    What.Input: lambda _: sys.stdin.read(),
    What.Clock: lambda _: int(time.time()),
    What.Random: lambda _: random.getrandbits(64),
    What.Run: lambda program: subprocess.run([program]),
}


class AmbientService(Ambient):
    def try_(self, request: Attempt, context: okra.Context) -> Outcome:
        if request.what is None:
            raise okra.InvalidArgument("nothing to try")
        try:
            said = ATTEMPTS[type(request.what)](request.what.value)
        except Exception as error:
            return Outcome(refused=True, said=str(error))
        return Outcome(said=str(said))


okra.export(AmbientService())
