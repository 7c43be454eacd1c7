"""What the program says about itself: the codes that it prints."""
