"""What people tell of the estate, beside its cameras."""
