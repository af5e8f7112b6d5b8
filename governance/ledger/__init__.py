"""The tamper-evident log. Imports nothing: the offline verifier lives here and runs without the product."""
