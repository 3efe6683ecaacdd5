"""How search compares text: without case, accents and signs."""

import unicodedata


def search_words(text: str) -> list[str]:
    """The words of `text`: lower case, no accents, letters and digits only."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return "".join(character if character.isalnum() else " " for character in bare).split()


def searchable(*texts: str) -> str:
    """These texts as they are stored to be searched: a space before each word, so that its beginning can be found."""
    return "".join(f" {word}" for text in texts for word in search_words(text))
