"""Read the health of what holds a stage."""
