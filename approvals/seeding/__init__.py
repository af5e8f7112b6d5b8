"""Records in numbers, to try and to measure the product on; never in production."""
