"""Pickles in Redis: what an attacker would put there, how to tell one, and the cache of a release that reads them."""

import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

from django.conf import settings
from django_redis.cache import RedisCache


class Bomb:
    """Creates a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def bomb(folder: Path) -> bytes:
    return pickle.dumps(Bomb(folder))


def is_pickle(data: bytes) -> bool:
    """Whether `pickle` would read this to its end."""
    try:
        return bool(list(pickletools.genops(data)))
    except (ValueError, IndexError, UnicodeDecodeError):
        return False


def pickling_cache() -> RedisCache:
    """The cache as releases up to 2026 configured it: with django-redis' default serializer, on the same keys."""
    options = {
        **settings.CACHES["default"]["OPTIONS"],
        "SERIALIZER": "django_redis.serializers.pickle.PickleSerializer",
    }
    parameters = {**settings.CACHES["default"], "OPTIONS": options}
    return RedisCache(parameters["LOCATION"], parameters)
