"""Random messages go to a service that answers each with itself, and must come back as they went.

Arguments: the server's address, a file with descriptors, the name of the service, a seed. The first difference ends it.
"""

import sys
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from random_messages import Maker, differences

MESSAGES = 20
FIELDS = 2_000
MAX_BYTES = 3 << 20


def main(address: str, descriptors: str, service: str, seed: int) -> None:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(Path(descriptors).read_bytes()).file:
        pool.Add(file)
    with grpc.insecure_channel(address) as channel:
        for method in pool.FindServiceByName(service).methods:
            message = message_factory.GetMessageClass(method.input_type)
            call = channel.unary_unary(
                f"/{service}/{method.name}",
                request_serializer=message.SerializeToString,
                response_deserializer=message.FromString,
            )
            for number in range(MESSAGES):
                sent = Maker(1000 * seed + number, FIELDS).fill(message())
                if sent.ByteSize() > MAX_BYTES:
                    continue
                name = f"{method.input_type.full_name}, message {number}"
                try:
                    came = call(sent, timeout=120)
                except grpc.RpcError as error:
                    sys.exit(f"{name}: {error.code().name}: {error.details()}")
                if found := next(differences(sent, came), None):
                    sys.exit(f"{name}: {found}")


main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
