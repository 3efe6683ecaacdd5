"""Text normalisation for search: no case, accents or punctuation."""

import unicodedata

MAX_QUERY_LENGTH = 200
MAX_QUERY_WORDS = 8


def search_words(text: str) -> list[str]:
    """The words of `text`: case-folded, without accents, letters and digits only."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return "".join(character if character.isalnum() else " " for character in bare).split()


def query_words(text: str) -> list[str]:
    """The words of a search query, truncated to the limits above."""
    return search_words(text[:MAX_QUERY_LENGTH])[:MAX_QUERY_WORDS]


def searchable(*texts: str) -> str:
    """The search text to store: each word preceded by a space, so that word starts can be matched."""
    return "".join(f" {word}" for text in texts for word in search_words(text))
