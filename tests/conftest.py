"""What every test shares: a lake of its own, optional packages, Hypothesis settings."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from cape.lake import Lake, LakePaths, build_lake

REPOSITORY = Path(__file__).resolve().parent.parent
HEAVY_PACKAGES = frozenset(
    {"accelerate", "pysr", "safetensors", "submitit", "tokenizers", "torch", "transformer_lens", "transformers"}
)
# No package index that the tests install from has these; where one is absent its tests skip and say so.
OPTIONAL_PROGRAMS = frozenset({"julia"})
NOT_DELIVERED = shutil.ignore_patterns("built", "local", "cape.duckdb", ".cape-*")

settings.register_profile(
    "cape",
    deadline=None,  # the first call pays for imports
    derandomize=True,  # a failure on one machine is a failure on all
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("cape")


def require(name: str) -> ModuleType:
    """Import an optional module, or skip the test; fail instead where CAPE_REQUIRE_ALL is set.

    The light environment (CAPE_ENV=light) leaves the heavy packages out on purpose, so there they always skip;
    the heavy environment runs those tests.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        reason = f"{name} is not installed"
    _absent(reason, is_expected=name.partition(".")[0] in HEAVY_PACKAGES and os.environ.get("CAPE_ENV") == "light")


def require_program(*names: str) -> Path:
    """Return the first of the programs found on the path, or skip (fail where CAPE_REQUIRE_ALL is set).

    OPTIONAL_PROGRAMS always skip where they are absent.
    """
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    _absent(f"none of these programs is installed: {', '.join(names)}", is_expected=OPTIONAL_PROGRAMS.issuperset(names))


def _absent(reason: str, *, is_expected: bool) -> NoReturn:
    if os.environ.get("CAPE_REQUIRE_ALL") and not is_expected:
        pytest.fail(f"{reason}, and CAPE_REQUIRE_ALL is set", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


@pytest.fixture(scope="session", autouse=True)
def lake_paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakePaths]:
    """Copy what the lake is built from to a folder of this session and point CAPE_LAKE at it; nothing is built yet."""
    root = tmp_path_factory.mktemp("lake") / "lake"
    shutil.copytree(REPOSITORY / "lake", root, ignore=NOT_DELIVERED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPE_LAKE", str(root))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield LakePaths(root)


@pytest.fixture(scope="session")
def lake(lake_paths: LakePaths) -> Iterator[Lake]:
    """Build this session's lake once and open it; tests must not change its files."""
    build_lake(lake_paths)
    lake = Lake.open(lake_paths)
    yield lake
    lake.close()
