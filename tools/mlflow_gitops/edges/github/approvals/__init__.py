"""What approvals need besides the reviews: the extent of a change, and the members of teams."""
