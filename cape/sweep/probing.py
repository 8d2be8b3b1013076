"""Jobs that probe: one per model, revision, dtype and probe configuration, each with a shard of its own."""
