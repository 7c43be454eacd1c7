"""Notifies people of what happened, as `notify.yaml` of the main branch says."""
