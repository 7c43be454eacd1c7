"""What stands in the registry folder: manifests, the policy, environments, and the snapshot of all
of them."""
