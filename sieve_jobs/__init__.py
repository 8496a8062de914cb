"""sieve-jobs: jobs in YAML, validated, planned and applied; a spec that is done is never paid for again.

    jobspecs/**/*.yaml ─load─▶ Document ─interpolate─▶ JobSpec ──┐
                                                                ├─decide─▶ Plan ─apply─▶ push ═ /v2 ═▶ Sieve
    .sieve-jobs/<target>.db ─▶ State ───────────────────────────┘            │              or the engine
                  ▲───────── follow, save ◀══ job status, outputs ◀══════════┘

Folders are the stages of the picture: `spec` (files to specs and their digests), `state` (what is known of
each spec), `plan` (what would be done and why), `push` (carrying it out), `render` (results as text) and
`cli`. Beside them `wire` (the HTTP protocol as types), `source` (Python functions, read without running),
`watch` (which changes of files matter, and when they are over), `config`, `diagnostic` and `errors`.
`engine` and `sdk` are a wing of their own and know only `wire` and `source`.
Imports point one way, from `cli` down to `diagnostic`; import-linter holds that.
"""

__version__ = "0.1.0"
