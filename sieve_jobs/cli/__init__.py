"""The command line: one module a verb, each of them gather, show, answer."""
