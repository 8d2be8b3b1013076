"""Pure statistics: arrays in, frozen records out. No file, clock, environment or global state."""
