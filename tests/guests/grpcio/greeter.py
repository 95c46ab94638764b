"""The greeter of gRPC's examples, as one writes it for grpcio: errors, details, metadata."""

import logging

from gen.ported.hello.v1 import pb2 as helloworld_pb2
from gen.ported.hello.v1 import pb2_grpc as helloworld_pb2_grpc
from okra import grpc
from okra.grpc import any_pb2, code_pb2, error_details_pb2, rpc_status, status_pb2

logger = logging.getLogger(__name__)


def quota_status(name):
    detail = any_pb2.Any()
    detail.Pack(
        error_details_pb2.QuotaFailure(
            violations=[
                error_details_pb2.QuotaFailure.Violation(
                    subject="name: %s" % name,
                    description="Greetings are limited to one a person",
                )
            ]
        )
    )
    return status_pb2.Status(
        code=code_pb2.RESOURCE_EXHAUSTED, message="Greeted already.", details=[detail]
    )


class Greeter(helloworld_pb2_grpc.GreeterServicer):
    def __init__(self):
        self._greeted = {"twice"}

    def SayHello(self, request, context):
        for key, value in context.invocation_metadata():
            logger.info("metadata %s=%s", key, value)
            if key == "x-who":
                context.send_initial_metadata((("x-checked", value),))
        if request.name == "":
            context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            context.set_details("name must not be empty")
            return helloworld_pb2.HelloReply()
        if request.name == "nobody":
            context.abort(grpc.StatusCode.NOT_FOUND, "nobody is not here")
        if request.name in self._greeted:
            context.abort_with_status(rpc_status.to_status(quota_status(request.name)))
        context.set_trailing_metadata(
            (("x-checksum-bin", b"\x01\x02"), ("x-retry", "false"))
        )
        return helloworld_pb2.HelloReply(message="Hello, %s!" % request.name)

    def SayHelloStreamReply(self, request, context):
        for number in range(3):
            yield helloworld_pb2.HelloReply(message=f"Hello number {number}, {request.name}!")


def add_to(server):
    helloworld_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
