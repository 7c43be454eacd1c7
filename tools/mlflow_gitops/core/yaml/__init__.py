"""Reading and editing YAML text, with a place for every problem."""
