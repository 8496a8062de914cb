"""Tests of action.yml: its steps run as a runner of GitHub runs them, against stand-ins on loopback."""
