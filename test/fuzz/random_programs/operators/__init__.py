"""The operators of random programs by kinds; a rule appends one to a builder, or nothing where no value fits."""
