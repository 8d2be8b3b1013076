"""Page of the diagnostic `sql`."""

from cape.diagnostics import get
from cape.ui import show_sql

show_sql(get("sql"))
