"""Rendered scenes: people and vehicles cross a camera's lines, and the exact truth stands beside the video."""
