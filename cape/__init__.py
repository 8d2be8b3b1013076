"""CAPE workbench: how benchmark scores move together as models grow, with intervals and sources."""

__version__ = "0.1.0"
