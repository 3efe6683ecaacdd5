"""How search compares text: without case, accents and signs."""

import unicodedata

LETTERS_AT_MOST = 200
WORDS_AT_MOST = 8


def search_words(text: str) -> list[str]:
    """The words of `text`: lower case, no accents, letters and digits only."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return "".join(character if character.isalnum() else " " for character in bare).split()


def query_words(text: str) -> list[str]:
    """The words that a search looks for: of a long text, its beginning."""
    return search_words(text[:LETTERS_AT_MOST])[:WORDS_AT_MOST]


def searchable(*texts: str) -> str:
    """These texts as they are stored to be searched: a space before each word, so that its beginning can be found."""
    return "".join(f" {word}" for text in texts for word in search_words(text))
