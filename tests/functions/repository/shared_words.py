"""Beside the functions' folders: their parent is on the path."""

WORD = "shared"
