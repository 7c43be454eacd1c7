"""One line of commits: its files, its times, and how it passes through what was reconciled."""
