"""Speech that can be traced: a signed manifest in files that have room for one, a record of everything."""
