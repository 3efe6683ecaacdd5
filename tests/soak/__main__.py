"""`make soak`: the verdict is printed, and the exit code is 1 if something grows. MINUTES=30 by default."""

import os
import secrets
import shutil
import sys

import django

from config.devstack.data import DataFolder


def main() -> int:
    # What the drivers import needs settings, of no server. The demo gets its own.
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ESTEIRA_DEMO": "1",
        "SECRET_KEY": secrets.token_hex(32),
    }
    django.setup()
    from tests.soak import soak

    minutes = float(os.environ.get("MINUTES") or 30)
    folder = DataFolder.chosen().root / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    print(f"A demo in {folder} for {minutes:g} minutes.", flush=True)
    done = soak.run(folder, minutes, say=lambda text: print(text, flush=True))
    first, last = done.samples[0], done.samples[-1]
    print(f"\n{'':40}{'first':>12}{'last':>12}")
    for name, value in last.values.items():
        print(f"{name:40}{first.values[name]:12.0f}{value:12.0f}")
    print(f"\n{last.sold} orders sold, {done.refused} refused; faults: {', '.join(done.faults) or 'none'}.")
    for growth in done.growing:
        print(f"STILL GROWS: {growth}")
    if not done.growing:
        print("Nothing grows beyond what was sold.")
    return 1 if done.growing else 0


if __name__ == "__main__":
    sys.exit(main())
