"""Views over all environments."""
