"""Claims wired to the diagnostics that settle them, one module per diagnostic."""
