"""What a web process does once it has loaded the shop."""

import os
import subprocess
import sys

from tests.support.processes import REPOSITORY

LOADS = """
import gc, sys
import config.gunicorn, config.wsgi
config.gunicorn.post_worker_init(None)
frozen = gc.get_freeze_count()
print("checkout.views.paying" in sys.modules, frozen > 100_000, len(gc.get_objects()) < frozen / 10, gc.get_threshold())
"""


def test_what_is_loaded_is_never_walked_through_again() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADS],
        cwd=REPOSITORY, env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout == "True True True (5000, 20, 50)\n", done.stderr
