"""Runs pip with the markers of the Python in a component, such as `sys_platform == "wasi"`."""

import sys

from pip._internal.cli.main import main
from pip._vendor.packaging import markers

# What the Python of componentize-py 0.25.1 says of itself.
TARGET = {
    "implementation_name": "cpython",
    "implementation_version": "3.14.0",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_release": "0.0.0",
    "platform_system": "wasi",
    "platform_version": "0.0.0",
    "python_full_version": "3.14.0",
    "python_version": "3.14",
    "sys_platform": "wasi",
}

markers.default_environment = lambda: dict(TARGET)
sys.exit(main())
