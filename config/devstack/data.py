"""The data folder: everything that a demo or a test run keeps lies below it."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from config.devstack import ports

PROJECT = Path(__file__).resolve().parents[2]


def write_private(path: Path, text: str) -> None:
    """Replace the file's content in one step, readable by its owner alone."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


@dataclass(frozen=True)
class DataFolder:
    """Where things lie. Paths are absolute; nothing exists before `create`."""

    root: Path

    @classmethod
    def chosen(cls) -> "DataFolder":
        """The folder that `ESTEIRA_DATA` names, else `.data` in the checkout: the same rule as in the settings."""
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
        """Exists while the database is migrated and filled, so that what needs it may start."""
        return self.leases / "opened"

    def create(self) -> None:
        for folder in (self.root, self.leases, self.mail):
            folder.mkdir(parents=True, exist_ok=True)

    def secret(self, name: str) -> str:
        """A random word, made up once and kept."""
        kept = self._kept()
        if name not in kept.secrets:
            kept.secrets[name] = secrets.token_urlsafe(48)
            self._keep(kept)
        return kept.secrets[name]

    def port(self, name: str) -> int:
        """The port kept under `name`, whether or not something listens there."""
        return self._kept().ports[name]

    def free_port(self, name: str) -> int:
        """The port kept under `name`, or a new one where another program sits on it. Ask before the server starts."""
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
