"""Imported by a function only, and imports in a function itself."""


def reverse(text: str) -> str:
    from . import join

    return join.join(reversed(text))
