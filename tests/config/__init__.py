"""Tests of `sieve-jobs.toml`, the project root and the choice of a target."""
