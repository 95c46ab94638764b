"""What there is, and what goes with what."""

from collections.abc import Iterator

CATALOGUE = {
    "cards": ["Card punch", "Card reader, second hand"],
    "engine": ["Oil for engines", "Brass wheels, a dozen"],
    "tables": ["Lamp for night work", "Slide rule"],
    "tea": ["Teapot", "Biscuits"],
}


def goes_with(text: str) -> Iterator[str]:
    """Things for all the words in a text."""
    words = text.lower().replace(",", " ").split()
    for word in words:
        yield from CATALOGUE.get(word, [])
