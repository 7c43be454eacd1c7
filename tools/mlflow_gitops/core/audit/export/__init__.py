"""The evidence pack: what `export` writes about one model."""
