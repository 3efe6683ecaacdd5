"""Shared by several test folders; imports nothing from them. `tests/conftest.py` registers the fixtures."""
