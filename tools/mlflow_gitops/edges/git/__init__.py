"""Everything that reads or writes a git repository."""
