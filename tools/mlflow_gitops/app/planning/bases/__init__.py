"""Which commit each model was last reconciled to, and what this clone knows about that."""
