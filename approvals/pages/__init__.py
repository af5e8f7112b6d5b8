"""What the people's pages on judgements read and put together. Nothing here writes."""
