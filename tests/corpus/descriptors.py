"""Writes the descriptors in the generated modules of a Python package, with all imports, as a `FileDescriptorSet`.

Arguments: the folder that holds the package, the package, the file to write.
"""

import importlib
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2

folder, package, output = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
sys.path.insert(0, str(folder))
descriptors = descriptor_pb2.FileDescriptorSet()
seen = set()


def add(file):
    """Adds a file after its imports."""
    if file.name in seen:
        return
    seen.add(file.name)
    for imported in file.dependencies:
        add(imported)
    file.CopyToProto(descriptors.file.add())


for path in sorted((folder / package).rglob("*_pb2.py")):
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    add(importlib.import_module(name).DESCRIPTOR)
output.write_bytes(descriptors.SerializeToString())
