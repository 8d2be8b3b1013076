"""Page of the diagnostic `claims`."""

from cape.diagnostics import get
from cape.ui import show_claims

show_claims(get("claims"))
