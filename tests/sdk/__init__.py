"""Tests of what user functions import, and of both ends of a job."""
