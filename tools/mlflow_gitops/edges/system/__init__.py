"""This machine: files, processes, background threads, metrics and installed plug-ins."""
