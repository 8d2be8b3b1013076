"""Fixtures of the surface tests: a routed app, the command line, and a lake with stored verdicts and estimates."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from cape import ledger
from cape.lake import Lake, LakePaths, build_lake
from tests.conftest import NOT_DELIVERED
from tests.surface._app import CommandLine, command_line, follow_the_router


@pytest.fixture(autouse=True)
def routed(monkeypatch: pytest.MonkeyPatch) -> None:
    follow_the_router(monkeypatch)


@pytest.fixture
def cape(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Run `cape` in this process: `cape("list", "--json")`."""
    return command_line(monkeypatch, capsys)


@pytest.fixture
def own_lake(tmp_path, lake_paths: LakePaths, monkeypatch: pytest.MonkeyPatch) -> LakePaths:
    """Copy what the lake is built from for one test that changes it, build it, and point CAPE_LAKE at it."""
    paths = LakePaths(tmp_path / "lake")
    shutil.copytree(lake_paths.root, paths.root, ignore=NOT_DELIVERED)
    build_lake(paths)
    monkeypatch.setenv("CAPE_LAKE", str(paths.root))
    return paths


@pytest.fixture(scope="session")
def stored_lake(tmp_path_factory: pytest.TempPathFactory, lake_paths: LakePaths) -> Iterator[Lake]:
    """Open a lake that holds stored verdicts and estimates: the delivered ones, or new ones where none are."""
    paths = LakePaths(tmp_path_factory.mktemp("stored") / "lake")
    shutil.copytree(lake_paths.root, paths.root, ignore=NOT_DELIVERED)
    if not (paths.computed / "estimates").is_dir():
        ledger.store(paths)
    build_lake(paths)
    lake = Lake.open(paths)
    yield lake
    lake.close()
