"""Watch: which changes of files matter, and when a burst of them is over. The rounds they start are the command's."""
