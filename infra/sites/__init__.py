"""Site files that are shipped: a small estate for reading and the seed's estate at full size, made by `generate.py`."""
