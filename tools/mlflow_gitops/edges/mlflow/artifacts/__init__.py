"""The files of a version: where they are, and what MLmodel and the requirements say."""
