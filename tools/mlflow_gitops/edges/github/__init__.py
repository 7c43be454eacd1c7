"""GitHub: pull requests, approvals, statuses, comments and settings."""
