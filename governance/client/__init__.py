"""What pipelines use of Muniment. It imports nothing of the product and needs none of its packages."""
