"""The data folder, where a demo or a test run keeps everything."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from config.devstack import ports

PROJECT = Path(__file__).resolve().parents[2]


def write_private(path: Path, text: str) -> None:
    """Replace the file atomically, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


@dataclass(frozen=True)
class DataFolder:
    """The paths. They are absolute, and nothing exists before `create`."""

    root: Path

    @classmethod
    def chosen(cls) -> "DataFolder":
        """The folder in `ESTEIRA_DATA`, else `.data` in the checkout; the settings use the same rule."""
        return cls(Path(os.environ.get("ESTEIRA_DATA") or PROJECT / ".data").resolve())

    @property
    def leases(self) -> Path:
        return self.root / "run"

    @property
    def mail(self) -> Path:
        return self.root / "mail"

    @property
    def servers_env(self) -> Path:
        return self.root / "servers.env"

    @property
    def opened(self) -> Path:
        """Exists once the database is migrated and filled: processes that need it may start."""
        return self.leases / "opened"

    def create(self) -> None:
        for folder in (self.root, self.leases, self.mail):
            folder.mkdir(parents=True, exist_ok=True)

    def secret(self, name: str) -> str:
        """A random secret, generated once and kept."""
        kept = self._kept()
        if name not in kept.secrets:
            kept.secrets[name] = secrets.token_urlsafe(48)
            self._keep(kept)
        return kept.secrets[name]

    def port(self, name: str) -> int:
        """The port kept under `name`, in use or not."""
        return self._kept().ports[name]

    def free_port(self, name: str) -> int:
        """The port kept under `name`, or a new one if it is in use. Call this before the server starts."""
        kept = self._kept()
        if name not in kept.ports or not ports.is_free(kept.ports[name]):
            kept.ports[name] = ports.choose()
            self._keep(kept)
        return kept.ports[name]

    def _kept(self) -> "_Kept":
        try:
            return _Kept(**json.loads(self._file.read_text()))
        except FileNotFoundError:
            return _Kept()

    def _keep(self, kept: "_Kept") -> None:
        write_private(self._file, json.dumps(asdict(kept), indent=2))

    @property
    def _file(self) -> Path:
        return self.root / "kept.json"


@dataclass
class _Kept:
    """What stays the same from one start to the next."""

    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
