"""What deploys and loads models: which version holds a stage, and its files."""
