"""What five kinds of users do, and the words that they must read on the way."""
