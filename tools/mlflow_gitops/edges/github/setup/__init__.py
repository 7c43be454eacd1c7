"""Parts of what `doctor` reads and checks of GitHub's settings."""
