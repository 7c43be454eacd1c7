"""GitHub's own OpenAPI description, by which the GitHub of the tests is checked."""
