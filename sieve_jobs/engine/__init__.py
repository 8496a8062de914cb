"""The engine: Sieve's HTTP API on this machine, running Python functions in worker processes.

    POST /v2/push ─▶ guard ─▶ routes ─▶ store (SQLite, one writer) ◀─ attempt ═ frames, handles ═ worker
                                │          │                             ▲                        (process)
                                │          └─ outbox ─▶ deliver          └─ supervisor ─ choose
                                └─ catalog (functions, read without running)

`home` is the folder it lives in, `serve` the process, `launch` how the command line finds or starts it.
The truth is in the store: an engine that is killed loses no job, and a worker that dies gives its job back.
"""
