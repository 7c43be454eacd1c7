"""What git says of a model over time: the main line, stage entries, approvals, people."""
