"""Tests by the same folder names as the code; real parts, started once per run by `conftest.py`."""
