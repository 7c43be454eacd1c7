"""Who is notified of what: the settings in `notify.yaml`, events, and the messages about them."""
