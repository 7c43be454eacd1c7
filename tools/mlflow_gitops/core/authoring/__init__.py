"""Edits of a manifest's text that keep its comments and layout."""
