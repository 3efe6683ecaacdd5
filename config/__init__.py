"""The house that every app stands in: settings, urls, and what all of them share."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
