"""Page of the diagnostic `overview`."""

from cape.diagnostics import get
from cape.ui import show_dashboard

show_dashboard(get("overview"))
