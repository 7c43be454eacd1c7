"""Gates that look at the files of a version: their names and their signature."""
