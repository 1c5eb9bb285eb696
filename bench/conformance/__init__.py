"""``make conformance``: the operators of others' test suites through a target, in workers that may crash."""
