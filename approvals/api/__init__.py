"""The native API of judgements: `/api/v1/` plans, evidence, environments, policies, releases, sign-offs, promotions,
findings, and the questions `gate` and `live`."""
