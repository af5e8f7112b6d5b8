"""The tamper-evident log: tree, signed checkpoints, sealer, verifier. Kept free of imports: the offline verifier lives here."""
