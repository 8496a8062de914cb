"""The folder that makes a plain `import sieve` find this SDK: a worker appends it to `sys.path`."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Appended, not put in front, so that another installed `sieve` still comes first."""
