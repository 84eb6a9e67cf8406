"""Cameras that count on board push to us: their messages become envelopes, each person once (docs/gateway.md)."""
