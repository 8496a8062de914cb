"""Tests of the sample functions on clips they make themselves, and of the code in docs/functions.md."""
