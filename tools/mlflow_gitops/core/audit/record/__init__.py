"""What is wrong with the receipts themselves, and which commits acknowledge it."""
