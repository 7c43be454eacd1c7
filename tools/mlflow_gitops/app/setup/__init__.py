"""The use cases that set up a repository: the files that init writes, and CODEOWNERS."""
