"""The worker: a process that imports one module of functions and runs one job at a time for the engine.

`loading` imports the module as Sieve would, `running` runs a job on it, `lifeline` ends the process with the
engine. It speaks frames over the socket it is given and knows nothing of HTTP or the database.
"""
