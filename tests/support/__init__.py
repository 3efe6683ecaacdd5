"""What the tests of several folders share. Nothing here knows those folders; `tests/conftest.py` names the fixtures."""
