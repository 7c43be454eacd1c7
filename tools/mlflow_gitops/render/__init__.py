"""Renderers: what a command found goes in, the lines to print come out. `formats.py` lists them."""
