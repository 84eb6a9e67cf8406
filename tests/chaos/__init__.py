"""Chaos: workers and broker are killed while events flow, and what comes out must equal the oracle."""
