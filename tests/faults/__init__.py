"""Servers that misbehave on purpose, for faults that no real server produces on demand."""
