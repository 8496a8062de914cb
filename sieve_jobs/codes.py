"""Every error code with its title and its page: the one place `explain SJnnn` and docs/errors.md are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Code:
    """A stable id. *title* is a noun phrase; *page* says what happened, why it is refused, and the way out."""

    id: str
    title: str
    page: str


_PAGES: tuple[Code, ...] = (
    # One Code(id, title, page) for each code, in order of the id. A page is two to six sentences of plain text.
    Code(
        "SJ180",
        "config that cannot be read",
        "sieve-jobs.toml is not readable, not UTF-8, or not valid TOML. Nothing was sent, because a config that "
        "is half understood could choose the wrong target. The place shown is where reading stopped; the mistake "
        "is there or just before it. The line itself is not shown, as a stray quote may have put a secret on it.",
    ),
    Code(
        "SJ181",
        "unknown config key",
        "sieve-jobs.toml holds a key that this version does not know. It is an error and not ignored, because a "
        "misspelt limit or target would otherwise be no limit and another target. Correct the spelling, or "
        "remove the key; `sieve-jobs schema` prints what is known.",
    ),
    Code(
        "SJ182",
        "config value of the wrong kind",
        "A setting in sieve-jobs.toml, or SIEVE_API_URL, has a value that it cannot have; what is expected "
        "stands beside it. Endpoints are https, or http to this machine alone, and never carry a user or a "
        "password. Keys stand in the environment, never in the config: `api_key_env` is the name of the "
        "variable.",
    ),
    Code(
        "SJ183",
        "config setting that is not supported yet",
        "The setting is part of the design and this version does not act on it. It is refused and not ignored, "
        "because a budget or a shared state that silently does nothing would be worse than none. Remove it until "
        "a version supports it.",
    ),
    Code(
        "SJ184",
        "no such target",
        "--target or SIEVE_JOBS_TARGET names a target that sieve-jobs.toml does not have. `local` is always "
        "there and is the embedded engine; `env` is there when SIEVE_API_URL is set. Every other one is a table "
        "[targets.NAME] with an endpoint.",
    ),
    Code(
        "SJ185",
        "state that would be lost in CI",
        "The run has CI=true, its target is remote, and its state is the local default, which ends with the "
        "runner. The next run would start from nothing and push, and pay for, every job again. Give the target a "
        "`state` path that every run shares, with the two lines shown; the embedded engine needs none.",
    ),
    Code(
        "SJ186",
        "command line that does not fit together",
        "An option, a verb or an argument is unknown, missing or has the wrong form. Nothing was done. "
        "`sieve-jobs VERB --help` shows every option with an example; these errors exit with 64.",
    ),
    Code(
        "SJ187",
        "no such spec, job or output",
        "A name on the command line matches nothing that this verb works on. `sieve-jobs status` lists what was "
        "pushed on a target, `sieve-jobs plan` what the specs ask for.",
    ),
    Code(
        "SJ188",
        "verb or option that is not supported yet",
        "The verb or option is part of the design and this version does not have it. Nothing was done; the exit "
        "code is 64.",
    ),
    Code(
        "SJ189",
        "unexpected error",
        "The program met something it was not built for. What is recorded in the state holds; run the command "
        "again, as nothing is ever pushed twice for that. SIEVE_JOBS_DEBUG=1 shows where it happened; check that "
        "text for secrets before you share it.",
    ),
)

CODES: Mapping[str, Code] = MappingProxyType({code.id: code for code in _PAGES})
