"""The table of verbs: where each is, and its one line of help. Listing them imports none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Verb(NamedTuple):
    module: str
    """Below sieve_jobs.cli; holds a click command named `command`, or named after the verb."""
    help: str


VERBS: Mapping[str, Verb] = {
    "init": Verb("init", "Start a project: a config, a first spec, a first function."),
    "validate": Verb("validate", "Check every spec; no network, no state."),
    "render": Verb("render", "Print a spec as it is resolved, with the origin of each field."),
    "plan": Verb("plan", "Show what apply would do, and why."),
    "apply": Verb("apply", "Push what changed, follow the jobs to their end."),
    "watch": Verb("watch", "Apply what is there, then every save."),
    "status": Verb("status", "Show the jobs of the specs."),
    "show": Verb("show", "Show all about one spec."),
    "wait": Verb("wait", "Wait until jobs have ended."),
    "logs": Verb("logs", "Print what a job printed."),
    "outputs": Verb("outputs", "Print a job's outputs, or download their files."),
    "cancel": Verb("cancel", "Cancel running jobs."),
    "rerun": Verb("rerun", "Push specs again although nothing changed."),
    "resolve": Verb("resolve", "Decide what becomes of pushes in doubt."),
    "explain": Verb("explain", "Say why a spec runs or not, or what an error code means."),
    "state": Verb("state", "Look into the state, take entries out of it."),
    "functions": Verb("functions", "Make a local function out of an example job."),
    "doctor": Verb("doctor", "Check that everything is in place."),
    "schema": Verb("schema", "Print the JSON Schemas of specs and config."),
    "serve": Verb("serve", "Run the engine: the API on this machine."),
    "engine": Verb("engine", "Look into the engine: its webhooks, its old data."),
    "completion": Verb("completion", "Print the completion script of a shell."),
    "version": Verb("version", "Print the version."),
}
