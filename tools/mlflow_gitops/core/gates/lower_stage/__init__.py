"""Gates about the stage that a version comes from."""
