"""A plan as text, as JSON, and as the text of a pull request comment."""
