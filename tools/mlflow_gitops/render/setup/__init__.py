"""What commands that set up a repository or a server show."""
