"""Settings, a module a topic."""

from config.settings.base import *  # noqa: F403
