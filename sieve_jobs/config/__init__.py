"""`sieve-jobs.toml` and the choice of a target: project, targets, and where each problem stands in the file."""

from __future__ import annotations

from sieve_jobs.config.choose import choose_target, find_root, key_hint, needs_shared_state
from sieve_jobs.config.read import read_config
from sieve_jobs.config.settings import CONFIG_NAME, STATE_FOLDER, Config, EngineTable, Project, Target, parse_duration

__all__ = [
    "CONFIG_NAME",
    "STATE_FOLDER",
    "Config",
    "EngineTable",
    "Project",
    "Target",
    "choose_target",
    "find_root",
    "key_hint",
    "needs_shared_state",
    "parse_duration",
    "read_config",
]
