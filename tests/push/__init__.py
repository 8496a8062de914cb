"""The push protocol against the stand-in for the cloud."""
