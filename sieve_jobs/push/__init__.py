"""Carrying a plan out: the one HTTP client, the push protocol, following jobs, settling doubts."""
