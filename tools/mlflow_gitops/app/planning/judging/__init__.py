"""Find the policies that judge a change."""
