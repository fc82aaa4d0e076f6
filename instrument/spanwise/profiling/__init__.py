"""Profiles of this process, taken from within it: sampling, heap, lock waits, and the formats they are read in."""
