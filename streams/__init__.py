"""The Faust apps: occupancy now and alerts now, exact on at-least-once delivery."""
