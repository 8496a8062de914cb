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
        "SJ131",
        "more pushes than allowed",
        "The plan pushes more jobs than `--max-pushes` or the target's `max_pushes` allows (50 on a remote target "
        "unless the config says otherwise), and nobody is at a terminal to be asked. Nothing was sent. Read the "
        "plan; if all of it is meant, give `--max-pushes N` with the number the message names.",
    ),
    Code(
        "SJ132",
        "most finished jobs would run again",
        "More than 30 % of ten or more finished jobs would be pushed again. That is how an accident looks: a "
        "variable that is not set as it was, a default that was edited, a function all of them use. Nothing was "
        "sent. The plan shows what changed in each; if it is meant, give `--max-pushes N`.",
    ),
    Code(
        "SJ133",
        "many specs are gone",
        "More than 30 % of ten or more specs that the state knows are not in the tree any more. That is how a wrong "
        "folder, another branch or a half checked-out repository looks. Nothing was sent and nothing was marked. "
        "If the specs are meant to go, give `--allow-removals`.",
    ),
    Code(
        "SJ134",
        "no spec found",
        "The folders of `specs` hold no spec. This never means that all of them were removed. Check the working "
        "directory or `-C DIR`, and `specs` in sieve-jobs.toml. If the last spec is meant to go, give "
        "`--allow-removals`.",
    ),
    Code(
        "SJ135",
        "protected spec would be run again",
        "The spec says `protect: true`, its job finished, and this plan would replace that job by another one. "
        "Nothing was sent. If it is meant, give `--allow-protected NAME` (once for each name), or take `protect` "
        "out of the spec. Reusing an earlier job, a rename and a removal are no replacement; pruning never forgets "
        "a protected spec.",
    ),
    Code(
        "SJ136",
        "run without consent",
        "A remote target starts jobs that cost money, so `apply` asks before the first one. At a terminal it "
        "asks with the counts; elsewhere --yes says so, and CI=true alone does not. Nothing was sent. The "
        "embedded engine (-t local) never asks.",
    ),
    Code(
        "SJ172",
        "key that is not set",
        "The target is remote and the variable that holds its key is not set, or empty. Nothing was sent. Set "
        "the variable that is named, or another one with `api_key_env` in the target; the key itself never "
        "stands in the config. -t local needs no key.",
    ),
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
    Code(
        "SJ100",
        "not valid YAML",
        "The text cannot be read as YAML; the place is where reading stopped, and the mistake is there or "
        "just before it. Specs are YAML 1.2. Typical causes are a tab in the indentation, a missing space "
        "behind a colon, an unclosed quote or bracket, and an alias without its anchor.",
    ),
    Code(
        "SJ101",
        "a document that grows too large",
        "Anchors, merge keys and variables are expanded when a spec is read. A document may hold at most 100,000 "
        "values then, repeat 4 MiB of text and have 8 MiB once interpolated, and a file 10,000 documents. A small "
        "file can name an astronomically large one in this way. An alias that contains itself has no end at all. "
        "Write the values out, or split the document.",
    ),
    Code(
        "SJ102",
        "nesting that is too deep",
        "Mappings and lists may be nested 64 levels deep, also after aliases are expanded. Specs that people "
        "write come nowhere near; look for a bracket too many.",
    ),
    Code(
        "SJ103",
        "a spec file that is not read",
        "A spec file is a regular file of at most 4 MiB. Devices, sockets and pipes are refused before a byte "
        "is read. Split a large file into several; a file may hold several documents.",
    ),
    Code(
        "SJ104",
        "something that stands twice",
        "A key stands twice in one mapping, or two specs have one name; both places are shown. YAML readers "
        "silently keep the last of two keys, so one of them would do nothing. Names that differ only in case "
        "or in Unicode form count as equal, because some file systems and readers take them so. Remove or "
        "rename one of the two.",
    ),
    Code(
        "SJ105",
        "a YAML tag that is not supported",
        "Specs hold values that JSON knows: mappings, lists, strings, numbers, true, false and null. Tags "
        "that ask for anything else, such as !!binary or !!python/object, are refused. Remove the tag.",
    ),
    Code(
        "SJ106",
        "a number that JSON cannot carry",
        "Infinity and not-a-number have no JSON form, and integers beyond 2^53 are rounded by many readers, "
        "so that the far side might see another value than the one you wrote. Put it in quotes to send it as "
        "text.",
    ),
    Code(
        "SJ107",
        "a file that is not clean UTF-8 text",
        "Spec files are UTF-8, with or without a byte order mark. The place names the first byte or character "
        "that is not allowed: invalid UTF-8, another encoding, a control character, or a sign that some readers "
        "take for the end of a line and others do not (a lone carriage return, U+0085, U+2028, U+2029). "
        "Save the file as UTF-8; write control characters as escapes within double quotes.",
    ),
    Code(
        "SJ108",
        "a key that is not a string",
        "Keys are strings, since specs become JSON. 5, true and null are not strings until they stand in "
        "quotes; a mapping, a list or an alias cannot be a key.",
    ),
    Code(
        "SJ109",
        "a merge of something that is no mapping",
        "The key << merges a mapping, or a list of mappings, into the one it stands in. What it was given is "
        "something else.",
    ),
    Code(
        "SJ110",
        "a file that changed under the run",
        "A spec or a file it names was changed after it was planned and before it was sent. The spec was not "
        "sent, because what would run is not what was planned. Run the command again.",
    ),
    Code(
        "SJ111",
        "a file or folder that cannot be read",
        "The operating system refused to open it. What cannot be read is never taken as removed: nothing is "
        "sent or forgotten until it can be read. Check permissions and mounts.",
    ),
    Code(
        "SJ112",
        "more problems than are shown",
        "Of one file the first 100 problems are told. Correct them and run the command again.",
    ),
    Code(
        "SJ120",
        "a variable that is not set",
        "A ${NAME} without a default names a variable that neither --var, the target's vars, the environment "
        "nor .env gives. Set it, or write ${NAME:-default}. An empty variable is set. Secrets are the "
        "exception: validate and plan need only their names.",
    ),
    Code(
        "SJ121",
        "a variable's value that cannot be used",
        "The value is longer than a million characters, holds a NUL character, or is not UTF-8 text. The "
        "value itself is not shown.",
    ),
    Code(
        "SJ122",
        "a variable that specs may not read",
        "The variable is set around the run, but the target's allow_env does not let specs read it; by "
        "default names such as AWS_* and GITHUB_* are kept from them. A pull request could otherwise send "
        "your credentials to an address of its choice. Name it under allow_env, or give it with --var.",
    ),
    Code(
        "SJ123",
        "a broken interpolation",
        "Interpolation is ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message}, ${NAME?message}, "
        "${NAME:+other} or ${NAME+other}, with braces. For a literal ${ write $${.",
    ),
    Code(
        "SJ140",
        "push in doubt",
        "A push was sent and no clear answer came, so a job may be running that this state does not know. "
        "Nothing is pushed again for the spec until that is known: the far side's list is looked at by every "
        "apply, and a job that can only be this one is taken over. If the message says that a person must "
        "decide, look at the far side, then `resolve NAME --adopt ID` takes a job over, `--push` pushes "
        "again, and `--drop` forgets the push. A target's `settle` lets apply push again by itself once a "
        "push has been absent for that long.",
    ),
    Code(
        "SJ141",
        "unusable endpoint",
        "The target's endpoint is no address that a key may be sent to: it must be https, or http to this "
        "machine alone, with a host and without a user, query or fragment. Nothing was sent. Correct "
        "`endpoint` in sieve-jobs.toml.",
    ),
    Code(
        "SJ142",
        "unusable api key",
        "The api key is empty or holds spaces, line breaks or characters outside ASCII, which no key has; "
        "often a line break was copied with it. Nothing was sent. Set the variable anew that `api_key_env` "
        "names.",
    ),
    Code(
        "SJ143",
        "push refused",
        "The far side refused the push of one spec, in the words that are shown: its function or its inputs, "
        "as a rule. Nothing runs because of it, and the other specs went on. Correct the spec and run apply "
        "again.",
    ),
    Code(
        "SJ144",
        "far side refuses every push",
        "The far side refuses the key, the account or the address, whatever is pushed: 401 and 403 speak of "
        "the key, 402 of missing credit, a redirect of an endpoint that is not the API. The run ended after "
        "that one request; what was recorded before stays. Correct it and run apply again.",
    ),
    Code(
        "SJ145",
        "far side out of reach",
        "No connection to the endpoint came about, in several attempts, so that nothing was sent. Check the "
        "network and `endpoint`, then run apply again: it goes on where this run ended.",
    ),
    Code(
        "SJ146",
        "state of another endpoint or organisation",
        "A state belongs to the endpoint and the organisation of its first push: a job of one is unknown to "
        "the other. The key, or the target's endpoint, is of another one now. Use the key the state was made "
        "with, or give the target another name, which gives it a state of its own.",
    ),
    Code(
        "SJ147",
        "empty state, but jobs exist",
        "The state never pushed anything, yet the far side has jobs with the function and inputs of specs "
        "that are to be pushed: the state was lost, or is not the one meant. Nothing was pushed. Bring the "
        "state back from where it was; if the jobs are other people's, or are to run again, `--new-state` "
        "pushes all of them.",
    ),
    Code(
        "SJ148",
        "lost job",
        "The far side answered 404 for a job that was not known to have finished, so whether there is a "
        "result is not known. It is not pushed again by itself, as that may cost twice. `rerun NAME` pushes "
        "it again.",
    ),
    Code(
        "SJ149",
        "call without a usable answer",
        "A call to the far side, other than a push, failed in the way that is shown, also when repeated. Jobs "
        "go on without it. Run the command again later.",
    ),
    Code(
        "SJ150",
        "state that could not be written",
        "Writing the state failed: the disk is full, or it reported an error. The state is as it was before; nothing "
        "is pushed that could not be recorded. Room for recording the pushes that were on their way is kept in a "
        "reserve file beside the state. Make room or see to the disk, then run the same command again: what was "
        "begun is looked up first.",
    ),
    Code(
        "SJ151",
        "state locked by another run",
        "Only one run at a time pushes on a target, and another one holds the lock. The message names it as it named "
        "itself. The lock ends with its process, however that ends, so there is nothing to remove by hand. Wait for it "
        "with `--lock-timeout 60s`, or end that process.",
    ),
    Code(
        "SJ152",
        "state that may not be opened",
        "The state, its folder or one of its files may not be read or written by this user, or lies on a read-only "
        "disk. Nothing was sent. `sieve-jobs plan` only needs to read; `apply` needs to write before it pushes "
        "anything. The state is kept in `.sieve-jobs/` in the project's root.",
    ),
    Code(
        "SJ153",
        "damaged state",
        "The state is not what was written: it is cut, empty, changed on the disk, of another program, or a part of it "
        "is gone. It is never repaired or replaced by guessing, because what it forgets would be paid for again. The "
        "message names the newest backup that is sound. Move the damaged files (`<target>.db*`) away, copy the "
        "backup to `<target>.db`, and look at the next plan: jobs pushed since the backup are not in it.",
    ),
    Code(
        "SJ154",
        "state of another version",
        "The state was written by a newer sieve-jobs, which the message names, or is too old to be brought up to date "
        "in one step. It is not read, not even in part. Use the version named. Before a newer version migrates a state "
        "it copies it to `.sieve-jobs/backups/`.",
    ),
    Code(
        "SJ156",
        "state on a network file system",
        "The state is an SQLite file with a write-ahead log, and that needs a disk which only this machine writes. On "
        "NFS, SMB, 9p or sshfs two machines could write it at once and damage it. Nothing was sent. Give the target a "
        "`state` on a local disk.",
    ),
    Code(
        "SJ157",
        "state that others could have written",
        "A file or folder of the state is a symbolic link, belongs to another user, or is open to other users. What "
        "stands in it decides what is paid for, so it is not believed. Look at it; if it is as you left it, run the "
        "chmod of the hint, else remove it.",
    ),
    Code(
        "SJ158",
        "backup that could not be written",
        "The state was written, but its backup of the day was not. Nothing else is affected. The next run tries again.",
    ),
    Code(
        "SJ159",
        "state that moved on",
        "Another run changed the state after this one had read it, so that what this one decided may not hold any "
        "more. Nothing was written. Run the same command again.",
    ),
    Code(
        "SJ160",
        "job of two specs",
        "A job belongs to one spec at most, and this write would have given it to a second. Nothing was written. "
        "`sieve-jobs state list` shows which spec has which job.",
    ),
    Code(
        "SJ161",
        "unusable key of the state",
        "The key that tags values in the state is not 64 hex digits. It comes from `SIEVE_JOBS_STATE_KEY`, else from "
        "`.sieve-jobs/key`. Restore it. With another key nothing is called changed: the tags made with the old one "
        "just cannot be compared. `openssl rand -hex 32` makes a new one for CI.",
    ),
    Code(
        "SJ162",
        "state older than what was seen here",
        "The file beside the state that remembers its last serial knows a higher one: the state is an older copy, or "
        "its write-ahead log (`<target>.db-wal`) was lost. It would push again what it forgot, so nothing was sent. "
        "Put the newer file or the log back. If you restored a backup on purpose, delete `<target>.db-serial`.",
    ),
    Code(
        "SJ170",
        "a secret where it would be shown",
        "Secrets may stand in inputs, env and the urls of webhooks. All else, such as names, functions, labels and "
        "paths of files, is shown and stored. A variable is secret if its name matches the project's secrets "
        "patterns. If this one is no secret, name it under [project] public.",
    ),
    Code(
        "SJ171",
        "secret not set for a push",
        "A spec that is to be pushed reads a secret that is not set. Plan and validate need no more than its "
        "name, a push needs its value. Nothing was sent. Set it in the environment, or in `.env` beside the "
        "config.",
    ),
    Code(
        "SJ190",
        "engine that does not run",
        "The embedded engine could not be started, or does not answer. What it printed stands in "
        ".sieve-jobs/engine/log. `sieve-jobs doctor` looks closer; removing .sieve-jobs/engine/endpoint makes "
        "the next run start a new one. The state of the specs is not touched by this.",
    ),
    Code(
        "SJ200",
        "a document that is no spec",
        "A spec is a mapping with the keys of the spec language. The document is a list or a single value.",
    ),
    Code(
        "SJ201",
        "an unknown key",
        "The key is not one of the spec language. It is an error and not ignored, because a misspelt key "
        "would otherwise do nothing. Correct its spelling or remove it; data for the function belongs under "
        "inputs.",
    ),
    Code(
        "SJ202",
        "a document without a name",
        "A file's first document takes its name from the file's path. Every further one needs a name of its own.",
    ),
    Code(
        "SJ203",
        "something that is not supported yet",
        "The key or form belongs to the spec language, but this release does not carry it out. It is refused "
        "and not ignored, because a spec that does half of what it says is worse than one that does nothing.",
    ),
    Code(
        "SJ204",
        "a missing key",
        "A key that must be there is not. The message names it.",
    ),
    Code(
        "SJ205",
        "a file input that cannot be read",
        "{file: path} names a regular file, relative to the spec file. It is not there, is not a regular "
        "file, or cannot be opened.",
    ),
    Code(
        "SJ206",
        "a file outside the project",
        "Spec files, and the files that specs name, lie beneath the project's root, also after symbolic links "
        "are followed; otherwise a commit could show or send any file of the machine. Move what is meant into the "
        "project.",
    ),
    Code(
        "SJ210",
        "a value of the wrong type",
        "The value has another type than the key takes; what is expected stands beside it. YAML takes 640 for "
        "a number and true for a boolean: put them in quotes where text is meant.",
    ),
    Code(
        "SJ211",
        "a name that cannot be used",
        "Names consist of letters, digits and -_./, at most 200 of them, without empty, '.' or '..' parts. A "
        "spec without a name takes the path of its file, so that must keep to the same rules.",
    ),
    Code(
        "SJ212",
        "a function that cannot be meant",
        "A function is author/name, or author/name:version; an id is the id of a function as the far side gives it.",
    ),
    Code(
        "SJ213",
        "an unknown webhook event",
        "The events are job.start, job.new_output, job.complete and job.complete.no_output, and the older "
        "job_start and job_complete.",
    ),
    Code(
        "SJ214",
        "a webhook url that cannot be called",
        "Webhooks go to http or https urls, whole, without spaces.",
    ),
    Code(
        "SJ215",
        "an environment variable that cannot be set",
        "Names of environment variables are letters, digits and _, not a digit first; values are text without NUL.",
    ),
    Code(
        "SJ217",
        "an unknown word in a list",
        "The list takes certain words only; they stand beside the message.",
    ),
    Code(
        "SJ220",
        "a function and an id",
        "A spec names what to run by function or by id, never both.",
    ),
    Code(
        "SJ221",
        "nothing to run",
        "A spec names what to run: function: author/name, or id: with the function's id.",
    ),
)

CODES: Mapping[str, Code] = MappingProxyType({code.id: code for code in _PAGES})
