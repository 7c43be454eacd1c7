"""The index of the main line's history: a cache in the repository's git directory (DESIGN §7)."""
