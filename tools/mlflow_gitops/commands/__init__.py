"""Commands: each parses nothing, calls the core and the edges, and prints."""
