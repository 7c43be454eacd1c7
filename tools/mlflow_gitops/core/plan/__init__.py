"""From desired and observed to changes, the order of their writes, and what stands in the way."""
