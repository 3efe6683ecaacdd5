"""Who runs a server that refuses to run as root: us, or nobody where we are root."""

import os
import pwd
import shutil
import signal
from pathlib import Path

from config.devstack.exceptions import CannotStart


def server_user() -> pwd.struct_passwd | None:
    """The user to change to, or None where we are not root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def as_server_user(stop_signal: signal.Signals, *paths: Path) -> list[str]:
    """What stands before a command so that it runs as that user, reaches `paths`, and is told when we end."""
    user = server_user()
    if user is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotStart("The server does not run as root, and setpriv (util-linux) is missing. Run as another user.")
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    # Changing the user forgets what `die_with_parent` asked for.
    return [setpriv, *ids, *_passage(*paths), "--pdeathsig", stop_signal.name, "--"]


def _passage(*paths: Path) -> list[str]:
    """The one privilege that leads through a closed folder above (a checkout in /root, say), where needed."""
    above = {folder for path in paths for folder in path.parents}
    if all(folder.stat().st_mode & 0o001 for folder in above):
        return []
    return ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
