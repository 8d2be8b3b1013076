"""Fixtures of the report tests."""

from tests.surface.conftest import cape

__all__ = ["cape"]
