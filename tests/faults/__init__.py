"""The catalogue of faults, docs/reliability.md, as tests."""
