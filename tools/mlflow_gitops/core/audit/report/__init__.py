"""What the report shows: who held each stage over time, and incidents."""
