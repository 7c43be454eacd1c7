"""Writing a plan: several models side by side, each by one writer, every write read back."""
