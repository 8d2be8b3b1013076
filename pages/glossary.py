"""Page of the diagnostic `glossary`."""

from cape.diagnostics import get
from cape.ui import show

show(get("glossary"))
