"""One panel as one HTML file: every coupling and dynamics diagnostic with figures, doubts and what reproduces it."""

from cape.report.build import Report, build_report, report_slugs

__all__ = ["Report", "build_report", "report_slugs"]
