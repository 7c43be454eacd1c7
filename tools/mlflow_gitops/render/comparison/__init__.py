"""Two versions side by side, as text, JSON and Markdown."""
