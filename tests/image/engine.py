"""What builds and runs the image: Docker where it works, else buildah and Debian's own tools.

`python -m tests.image.engine` says which, or why there is none (exit code 3).
"""

import json
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.devstack.data import PROJECT, DataFolder
from tests.support.packages import missing, provide

TAG = "esteira-under-test"
CONTAINER = "run-under-test"
BASE = "localhost/python:3.11-slim-bookworm"
TOOLS = {"buildah": "buildah", "debootstrap": "debootstrap"}
# What Docker's Debian image with Python has, of what ours uses.
IN_BASE = "python3,python3-venv,python3-pip,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs")
# A build uses the host's network, and trusts whom the host trusts; nothing of it is kept.
HOSTS = ["--isolation", "chroot", "--network", "host", "--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
SECONDS_TO_BUILD = 900
CANNOT = 3


class Engine(ABC):
    """`build`, then `run`; what it builds is in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def prepare(self) -> str:
        """Returns why the build would be in vain, if it would."""
        return ""

    @abstractmethod
    def build(self) -> str:
        """Build the image from the Dockerfile; returns the log. Fails with it."""

    @abstractmethod
    def files(self) -> Path:
        """A folder with all files of the image."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """The image's configuration: User, Env, Cmd, WorkingDir."""

    @abstractmethod
    def command(self, words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        """A command line that runs `words` in the image; empty: the image's own command.

        As its user, with a root that is read-only, on the host's network.
        """


class Docker(Engine):
    def build(self) -> str:
        return _output(["docker", "build", "--network", "host", "--progress", "plain", "--tag", TAG, str(PROJECT)])

    def files(self) -> Path:
        root = self._folder / "files"
        if not root.exists():
            root.mkdir()
            made = _output(["docker", "create", TAG]).split()[-1]
            subprocess.run(f"docker export {made} | tar -x -C {root}", shell=True, check=True)
            _output(["docker", "rm", made])
        return root

    def settings(self) -> dict[str, object]:
        return dict(json.loads(_output(["docker", "inspect", TAG]))[0]["Config"])

    def command(self, words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        given = [f"--env={name}={value}" for name, value in variables.items()]
        locked = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"]
        return ["docker", "run", "--rm", "--network=host", *locked, *given, TAG, *words]


class Buildah(Engine):
    """Where no container can run: chroot, a mount namespace, and a base of Debian's packages."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._buildah = [
            "buildah", "--root", str(folder / "storage"), "--runroot", str(folder / "run"), "--storage-driver", "vfs",
        ]  # fmt: skip

    def prepare(self) -> str:
        """Make the base; returns why the build would be in vain, if it would."""
        try:
            if self._fails("inspect", "--type", "image", BASE):
                self._make_base()
            made = _output([*self._buildah, "from", "--pull-never", BASE]).split()[-1]
            try:
                fetch = ["pip", "download", "--quiet", "--no-deps", "--dest", "/tmp", "pip"]
                _output([*self._buildah, "run", *HOSTS, made, "--", *fetch])
            finally:
                self._fails("rm", made)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return f"a build here cannot reach Debian's packages or the package index: {str(error).splitlines()[-1]}"
        return ""

    def build(self) -> str:
        options = ["--pull-never", "--format", "docker", "--build-arg", f"PYTHON={BASE}", "--tag", TAG]
        log = _output([*self._buildah, "bud", *HOSTS, *options, str(PROJECT)])
        # One of an earlier build.
        self._fails("rm", CONTAINER)
        return log

    def files(self) -> Path:
        if self._fails("inspect", CONTAINER):
            _output([*self._buildah, "from", "--pull-never", "--name", CONTAINER, TAG])
        return Path(_output([*self._buildah, "mount", CONTAINER]).split()[-1])

    def _fails(self, *words: str) -> bool:
        return bool(subprocess.run([*self._buildah, *words], capture_output=True, check=False).returncode)

    def settings(self) -> dict[str, object]:
        found = json.loads(_output([*self._buildah, "inspect", "--type", "image", TAG]))
        return dict(found["Docker"]["config"])

    def command(self, words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        root, settings = self.files(), self.settings()
        user = next(
            line.split(":") for line in (root / "etc/passwd").read_text().splitlines()
            if settings["User"] in line.split(":")[:3:2]
        )  # fmt: skip
        mounts = (
            f"mount --make-rprivate / && mount --bind {root} {root} && mount -o remount,bind,ro {root}"
            f" && mount -t tmpfs tmpfs {root}/tmp && mount --rbind /dev {root}/dev && mount --rbind /proc {root}/proc"
        )
        own = [str(entry) for entry in settings["Env"]]  # type: ignore[attr-defined]
        given = [f"{name}={value}" for name, value in variables.items()]
        command = list(words) or [str(word) for word in settings["Cmd"]]  # type: ignore[attr-defined]
        place = f"--chdir={settings['WorkingDir']}"
        return [
            "unshare", "--mount", "sh", "-c", f'{mounts} && exec chroot {root} "$@"', "sh",
            "setpriv", f"--reuid={user[2]}", f"--regid={user[3]}", "--clear-groups", "--bounding-set=-all",
            "--no-new-privs", "env", "--ignore-environment", place, *own, *given, *command,
        ]  # fmt: skip

    def _make_base(self) -> None:
        """Debian's packages, in the form of Docker's Python image."""
        root = self._folder / "base"
        shutil.rmtree(root, ignore_errors=True)
        _output(["debootstrap", "--variant=minbase", f"--include={IN_BASE}", "bookworm", str(root)])
        (root / "usr/bin/python").symlink_to("python3")
        made = _output([*self._buildah, "from", "scratch"]).split()[-1]
        _output([*self._buildah, "copy", "--quiet", made, str(root), "/"])
        _output([*self._buildah, "commit", "--quiet", "--rm", made, BASE])
        shutil.rmtree(root)


def _output(command: Sequence[str]) -> str:
    """Both streams. Fails with them if the command does."""
    # No setting of pip's own on this machine is for the image.
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    done = subprocess.run(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=SECONDS_TO_BUILD,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def why_none() -> str:
    """Why no image can be built here; empty if one can."""
    if docker_works():
        return ""
    if os.geteuid() != 0:
        return "Docker does not answer, and buildah needs root here."
    if provide(TOOLS, "buildah and debootstrap could not be installed.") or missing(TOOLS):
        return "Docker does not answer, and Debian's buildah and debootstrap are not there."
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "Docker does not answer, and this kernel lets us mount nothing."
    return ""


def docker_works() -> bool:
    return (
        bool(shutil.which("docker"))
        and not subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=30).returncode
    )


def engine() -> Engine:
    folder = DataFolder.chosen().root
    # Tests run on a folder below the demo's.
    folder = folder if folder.name == "test" else folder / "test"
    return Docker(folder / "image") if docker_works() else Buildah(folder / "image")


def main() -> int:
    if reason := why_none() or engine().prepare():
        print(f"THE IMAGE WAS NEITHER BUILT NOR TESTED HERE: {reason}", flush=True)
        return CANNOT
    print(f"The image is built with {'Docker' if docker_works() else 'buildah'}.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
