"""What the watch loop reports about itself over HTTP."""
