"""Tests of the source reader: declarations, hashes, problems."""
