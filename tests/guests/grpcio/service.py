"""Handlers that were written for grpcio, and one of the SDK beside them."""

from concurrent import futures

import documents
import greeter
import okra
import route_guide
import shop
from okra import grpc


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
    for part in (greeter, route_guide, shop):
        part.add_to(server)
    server.add_insecure_port("[::]:50051")
    server.start()
    server.wait_for_termination()


serve()
okra.export(documents.DocumentsService())
