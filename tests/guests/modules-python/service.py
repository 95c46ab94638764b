"""A guest with dependencies, with imports in functions, and with methods that it does not implement."""

import platform
import sys

import okra
from gen.test.proto.target.v1 import Modules, Text
from markupsafe import escape


class ModulesService(Modules):
    def escape(self, request: Text, context: okra.Context) -> Text:
        return Text(text=str(escape(request.text)))

    def import_(self, request: Text, context: okra.Context) -> Text:
        import six
        from helpers.tests import reverse

        return Text(text=six.text_type(reverse.reverse(request.text)))

    def platform(self, request: Text, context: okra.Context) -> Text:
        version = ".".join(map(str, sys.version_info[:2]))
        return Text(text=f"{sys.platform} {platform.system()} {platform.machine()} {version}")


okra.export(ModulesService())
