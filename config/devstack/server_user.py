"""The user for a server that refuses to run as root: ours, or `nobody` if we are root."""

import os
import pwd
import shutil
import signal
from pathlib import Path

from config.devstack.exceptions import CannotStart


def server_user() -> pwd.struct_passwd | None:
    """The user to switch to, or None if we are not root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def as_server_user(stop_signal: signal.Signals, *paths: Path) -> list[str]:
    """The prefix that runs a command as that user, with access to `paths`, and signals it when we end."""
    user = server_user()
    if user is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotStart("The server does not run as root, and setpriv (util-linux) is missing. Run as another user.")
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    # Changing the user resets what `die_with_parent` set.
    return [setpriv, *ids, *_traversal_options(*paths), "--pdeathsig", stop_signal.name, "--"]


def _traversal_options(*paths: Path) -> list[str]:
    """The one capability that it takes to traverse a closed folder above (a checkout in /root), if there is one."""
    above = {folder for path in paths for folder in path.parents}
    if all(folder.stat().st_mode & 0o001 for folder in above):
        return []
    return ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
