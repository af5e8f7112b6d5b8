"""A/B tests: who meets which version, how many units are needed, and what the counts say. Pure functions."""
