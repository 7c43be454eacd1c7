"""What is wrong with the record of runs, and who acknowledged it."""
