"""Sends messages to people by Apprise, which the extra `notify` installs."""
