"""Live health as text, JSON and Markdown."""
