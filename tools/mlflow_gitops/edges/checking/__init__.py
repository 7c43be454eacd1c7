"""Runs the code of a version, in a process that has none of this process's credentials."""
