from collections.abc import Iterable


def join(parts: Iterable[str]) -> str:
    return "".join(parts)
