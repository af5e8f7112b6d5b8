"""The auditor's desk: acts across all kinds of records, search, samples, exports and the review of access."""
