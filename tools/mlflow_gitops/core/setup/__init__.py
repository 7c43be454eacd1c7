"""What `init`, `codeowners` and `doctor` know: files to write, and checks of a setup."""
