"""The engine's tables, as the steps that lead from one schema to the next: once released, a step stays as it is."""

from __future__ import annotations

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  run_id TEXT NOT NULL,
  function_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  pinned INTEGER NOT NULL,
  status TEXT NOT NULL,
  created_at TEXT NOT NULL,
  started_at TEXT,
  completed_at TEXT,
  error TEXT NOT NULL DEFAULT '',
  inputs TEXT NOT NULL,
  env TEXT,
  hooks TEXT,
  restarts TEXT NOT NULL DEFAULT '[]',
  source TEXT NOT NULL
);
CREATE INDEX jobs_by_status ON jobs (status, seq);
CREATE TABLE outputs (
  job_id TEXT NOT NULL, place INTEGER NOT NULL, run_id TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (job_id, place)
) WITHOUT ROWID;
CREATE TABLE logs (
  job_id TEXT NOT NULL, at INTEGER NOT NULL, run_id TEXT NOT NULL, stage TEXT NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (job_id, at)
) WITHOUT ROWID;
CREATE TABLE pushes (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, job_id TEXT NOT NULL, answer TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE versions (id TEXT PRIMARY KEY, described TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL,
  type TEXT NOT NULL,
  place INTEGER,
  url TEXT,
  message_id TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending',
  attempts INTEGER NOT NULL DEFAULT 0,
  due REAL NOT NULL,
  last TEXT
);
CREATE INDEX outbox_pending ON outbox (job_id, id) WHERE state = 'pending';
CREATE VIEW lane_heads AS
  SELECT * FROM outbox AS it WHERE state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM outbox AS earlier WHERE earlier.state = 'pending'
      AND earlier.job_id = it.job_id AND earlier.url = it.url AND earlier.id < it.id
  );
CREATE VIEW shown_jobs AS
  SELECT id, run_id, function_id, owner, name, status, created_at, started_at, completed_at, error, inputs, restarts,
    seq FROM jobs;
"""

_ACCOUNT = """
CREATE TABLE function_edits (
  owner TEXT NOT NULL, name TEXT NOT NULL, edit TEXT NOT NULL, PRIMARY KEY (owner, name)
) WITHOUT ROWID;
CREATE TABLE version_replicas (
  version_id TEXT PRIMARY KEY, minimum INTEGER NOT NULL, maximum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE secrets (
  name TEXT PRIMARY KEY, value TEXT NOT NULL, created_at TEXT NOT NULL, last_modified TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE build_logs (
  version_id TEXT NOT NULL, at INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY (version_id, at)
) WITHOUT ROWID;
"""

_DEAD_LETTERS = """
ALTER TABLE outbox ADD COLUMN shape TEXT NOT NULL DEFAULT 'object';
ALTER TABLE outbox ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN body BLOB;
ALTER TABLE outbox ADD COLUMN tried TEXT NOT NULL DEFAULT '[]';
CREATE INDEX outbox_due ON outbox (due, id) WHERE state = 'pending';
CREATE INDEX outbox_due_by_origin ON outbox (origin, due, id) WHERE state = 'pending';
CREATE UNIQUE INDEX outbox_by_message ON outbox (message_id);
"""

_CHILDREN = """
ALTER TABLE jobs ADD COLUMN parent TEXT;
ALTER TABLE jobs ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_by_parent ON jobs (parent, seq) WHERE parent IS NOT NULL;
"""

_HISTORY = """
CREATE TABLE seen_versions (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, source_hash TEXT NOT NULL, streams INTEGER NOT NULL,
  seen_at TEXT NOT NULL, built_at TEXT, ready_at TEXT
);
CREATE INDEX versions_by_function ON seen_versions (owner, name);
"""

_OUTPUTS_APART = """
ALTER TABLE outputs RENAME TO outputs_before;
CREATE TABLE outputs (
  job_id TEXT NOT NULL, place INTEGER NOT NULL, run_id TEXT NOT NULL, size INTEGER NOT NULL, value TEXT NOT NULL
);
INSERT INTO outputs SELECT job_id, place, run_id, length(value), value FROM outputs_before;
CREATE UNIQUE INDEX outputs_by_place ON outputs (job_id, place);
DROP TABLE outputs_before;
"""
# A value must not stand in what is searched: a large one there is read whole by every search that comes past it.

SCHEMA_STEPS: tuple[str, ...] = (_FIRST, _ACCOUNT, _DEAD_LETTERS, _CHILDREN, _HISTORY, _OUTPUTS_APART)
"""Step n leads from schema n to n + 1; 0 is an empty database. Further ones go at the end."""
