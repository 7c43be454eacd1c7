"""The report: an index and a page for each model, which open from disk and make no requests."""
