"""Pages that people read: in a folder, and over HTTP."""
