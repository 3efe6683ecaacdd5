"""`make cluster`: the shop on real servers, which are killed one after the other under load.

OPEN=1 leaves it running for inspection instead. The exit code is 0 if nothing was lost.
"""

import os
import shutil
import signal
import sys

import django

from config.devstack import process_locks
from config.devstack.data import DataFolder
from tests.cluster import stack


def main() -> int:
    signal.signal(signal.SIGTERM, lambda _signum, _frame: sys.exit(1))
    if process_locks.under_make():
        process_locks.die_with_parent(signal.SIGTERM)
    folder = DataFolder.chosen().root / "cluster"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = int(os.environ.get("PORT") or 0) or None
    with stack.running(folder, port) as cluster:
        os.environ.update(cluster.variables)
        django.setup()
        # These import models, which needs the setup above.
        from tests.cluster import drill

        if os.environ.get("OPEN") == "1":
            return drill.stay_open(cluster, folder)
        return drill.run(cluster, folder)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
