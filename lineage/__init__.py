"""Facts: datasets and their terms and flags, runs, models, and how they hang together."""
