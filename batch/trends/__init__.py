"""Trends of incidents: what can be said of them beyond chance, and what not.

The way of a number: `history` (asked of the warehouse) → `series` (days, then weeks or months, with what they were
exposed to) → `ratios`, `interrupted`, `changes`, `hot` (the looks) → `study` (all of them, and the one rule for the
word "fell") → `words` (for people) → `page`. All but `history` and `page` is pure.
"""
