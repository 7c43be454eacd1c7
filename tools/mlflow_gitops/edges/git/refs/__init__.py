"""Branches, tags and other refs: how a name is resolved, and which branch is the main one."""
