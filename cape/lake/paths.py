"""Where the lake and its SQL stand: `$CAPE_LAKE`, else `lake/` beside the package; never the working directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
REPOSITORY = PACKAGE.parent
SQL_FOLDER = REPOSITORY / "sql"
SHIPPED_LAKE = REPOSITORY / "lake"


@dataclass(frozen=True, slots=True)
class LakePaths:
    """The folders of one lake. `root` holds raw/, local/, computed/ and the built files."""

    root: Path

    @classmethod
    def from_environment(cls) -> LakePaths:
        """Return the lake of `$CAPE_LAKE`, or the shipped one."""
        return cls(Path(os.environ.get("CAPE_LAKE") or SHIPPED_LAKE).resolve())

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def local(self) -> Path:
        return self.root / "local"

    @property
    def computed(self) -> Path:
        return self.root / "computed"

    @property
    def built(self) -> Path:
        return self.root / "built"

    @property
    def link(self) -> Path:
        """The file that readers open: a symlink to the newest published build."""
        return self.root / "cape.duckdb"
