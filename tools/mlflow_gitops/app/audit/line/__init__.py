"""The main line as an audit reads it: its part, its moments, and how merges changed it."""
