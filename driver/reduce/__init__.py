"""stepwell-reduce: a failing input shrunk to a small one that fails in the same way."""
