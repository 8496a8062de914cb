"""Tests of the command line: every verb, its exit codes, its two streams."""
