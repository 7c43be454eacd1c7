"""What a reviewer of a plan reads beside the changes: facts that were read already, and links."""
