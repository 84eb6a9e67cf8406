"""The report API of `anfang web`: other programs ask for reports, watch them being made, and fetch them.

The way of a request: `keys.py` says who asks, `limits.py` whether they may now, `routes.py` answers; `shelf.py` keeps
the reports, `maker.py` makes one at a time in a process of its own (`work.py`).
"""
