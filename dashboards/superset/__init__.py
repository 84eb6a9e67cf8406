"""Superset for analysts: its own environment, its assets as code, and the check that no chart is broken or empty."""
