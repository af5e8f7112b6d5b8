"""What is counted in data, and what is found out from it."""
