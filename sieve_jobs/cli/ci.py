"""`init --ci github`: the workflow, the shared state of its target, and what is left to a person."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sieve_jobs.cli.context import Invocation, Session
from sieve_jobs.cli.new_file import write_new
from sieve_jobs.cli.served import Served, served
from sieve_jobs.cli.workflow import NAME, PATH, UNKNOWN_ACTION, path_of, workflow
from sieve_jobs.codes import Code
from sieve_jobs.config import read_config
from sieve_jobs.config.settings import CONFIG_NAME, STATE_FOLDER
from sieve_jobs.config.team import with_team_target
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import InvalidError, SieveJobsError, StateError, UsageError

DEFAULT_TARGET = "prod"
_ACTION = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._/-]+)?@[0-9a-f]{40}")
_TARGET = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
_GITHUB = re.compile(r"https://github\.com/([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What CI applies."""

    target: str
    lineage: str
    """That its state is pinned to, where the config does not say."""
    in_use: bool
    """The state is there, and has that lineage."""


@dataclass(frozen=True, slots=True)
class Planted:
    """Files by what became of them, and the next steps."""

    written: tuple[str, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...]
    steps: tuple[str, ...]


def target_for_ci(session: Session, action: str | None) -> Chosen:
    """The remote target that CI applies: `-t`, else the only one there is, else `prod`.

    Raises UsageError and InvalidError for whatever would keep `plant` from its work, and StateError where a state that
    may be in use cannot be asked for its lineage.
    """
    given, config = session.invocation.target, read_config(session.start)
    remotes = config.remotes
    name = given or (remotes[0] if len(remotes) == 1 else DEFAULT_TARGET)
    if given is None and len(remotes) > 1:
        found = ", ".join(remotes)
        raise UsageError(Diagnostic(Code.USAGE, "--ci: which target is applied?", expected=f"-t with one of {found}"))
    known = config.targets.get(name)
    if not _TARGET.fullmatch(name) or name.lower() in {"cache", "key"} or (known is not None and known.is_local):
        raise UsageError(
            Diagnostic(Code.USAGE, f"--ci: '{name}' is no remote target", expected="-t NAME of another one")
        )
    _action(action)
    lineage = _lineage(session, name) if known is not None and known.in_git and known.lineage is None else ""
    chosen = Chosen(name, lineage or secrets.token_hex(16), in_use=lineage != "")
    _config(_text(session.start / CONFIG_NAME), chosen)
    _refuse_shared_ref(session.start, name)
    return chosen


def plant(session: Session, chosen: Chosen, action: str | None) -> Planted:
    """Writes what is missing and overwrites nothing."""
    action, target = _action(action), chosen.target
    root, repository = session.start, _repository(session.start)
    config = root / CONFIG_NAME
    before = _text(config)
    after = _config(before, chosen)
    if after != before:
        config.write_bytes(after.encode())
    folder = _folder(root, repository)
    settings = tomllib.loads(after)["targets"][target]
    api_key = str(settings.get("api_key_env", "SIEVE_API_KEY"))
    names = [api_key, *(name for name in _secrets(session, target) if name != api_key)]
    others = _others(repository, folder)
    beside = [other for other in others if _is_there(repository, other)]
    name = f"{NAME}-{target}" if beside else NAME
    path = repository / path_of(name)
    text = workflow(name=name, branch=_branch(repository), target=target, folder=folder, action=action, secrets=names)
    is_new = write_new(path, text)
    shown = path_of(name) if not folder else str(path)
    unknown = UNKNOWN_ACTION in path.read_text("utf-8", "replace")
    steps = _steps(root, chosen, names, settings=settings, shown=shown, unknown=unknown, has_key=bool(beside))
    return Planted(
        written=(shown,) if is_new else (),
        changed=(CONFIG_NAME,) if after != before else (),
        kept=() if is_new else (shown,),
        steps=(*_said_of(others, folder, name=name, beside=bool(beside)), *steps),
    )


def _folder(root: Path, repository: Path) -> str:
    return "" if root == repository else root.relative_to(repository).as_posix()


def _others(repository: Path, folder: str) -> Sequence[Served]:
    """The projects that the workflow which is there runs, where ours in *folder* is none of them."""
    path = repository / PATH
    found = served(path.read_text("utf-8", "replace")) if path.is_file() else ()
    return () if any(one.folder == folder for one in found) else found


def _refuse_shared_ref(root: Path, target: str) -> None:
    """Raises UsageError where another project of the repository keeps its state where ours would."""
    repository = _repository(root)
    for other in _others(repository, _folder(root, repository)):
        if other.target == target and _is_there(repository, other):
            raise UsageError(
                Diagnostic(
                    Code.USAGE,
                    f"--ci: '{target}' is the target of the project in {_shown(other.folder)}, whose state lies on "
                    f"refs/sieve-jobs/{target} of this repository",
                    expected="-t NAME of another target: its state lies on refs/sieve-jobs/NAME",
                )
            )


def _is_there(repository: Path, other: Served) -> bool:
    return (repository / other.folder / CONFIG_NAME).exists()


def _said_of(others: Sequence[Served], folder: str, *, name: str, beside: bool) -> tuple[str, ...]:
    """What a person has to know where the first workflow runs *others*, and not the project in *folder*.

    *beside*: one of them is there, and ours has the workflow *name* for itself; else ours was moved, or they are gone.
    """
    if not others:
        return ()
    shown = ", ".join(_shown(other.folder) for other in others)
    if beside:
        return (f"know that {PATH} runs the project in {shown}, and {path_of(name)} this one",)
    where = json.dumps(folder or ".")
    return (f"in {PATH}, say working-directory: {where}: it runs the project in {shown}, which is gone",)


def _shown(folder: str) -> str:
    return f"'{folder}'" if folder else "the top folder"


def _action(given: str | None) -> str:
    action = given or _own_action() or UNKNOWN_ACTION
    if not _ACTION.fullmatch(action):
        raise UsageError(
            Diagnostic(Code.USAGE, "--action: not pinned", expected="owner/name@ with the 40 hex digits of a commit")
        )
    return action


def _own_action() -> str | None:
    """The repository and commit on GitHub that this tool was installed from, where pip knows them (PEP 610)."""
    try:
        text = distribution("sieve-jobs").read_text("direct_url.json")
        known = json.loads(text) if text else {}
        found = _GITHUB.fullmatch(known["url"])
        action = f"{found[1]}@{known['vcs_info']['commit_id']}" if found else ""
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return None
    return action if _ACTION.fullmatch(action) else None


def _text(config: Path) -> str:
    """The config as written, line ends included; empty without one."""
    return config.read_bytes().decode("utf-8-sig") if config.is_file() else ""


def _config(text: str, chosen: Chosen) -> str:
    target = chosen.target
    try:
        return with_team_target(text, target, chosen.lineage)
    except ValueError as error:
        hint = "write them by hand, and run it again"
        message = f"the target '{target}' stands in a form that cannot be added to"
        raise InvalidError(
            Diagnostic(Code.WRONG_CONFIG_VALUE, message, Place(CONFIG_NAME), f"these lines\n{error}", hint)
        ) from error


def _about(session: Session, target: str) -> Session:
    """The run as one about *target*."""
    return replace(session, invocation=Invocation(directory=session.invocation.directory, target=target))


def _lineage(session: Session, target: str) -> str:
    """The lineage of the target's state; empty where there is none yet, or no remote that could have one.

    Raises StateError where that cannot be told: whoever pins another one is refused by every runner.
    """
    from sieve_jobs.cli.shared import repository_of

    told = _about(session, target)
    try:
        repository_of(told)
    except StateError:
        return ""
    with told.open_store(read_only=True) as store:
        return store.load().header.lineage


def _secrets(session: Session, target: str) -> list[str]:
    """Secret variables that specs of the target read; none where they cannot be read yet."""
    try:
        details = _about(session, target).tree.all_details().values()
    except SieveJobsError:
        return []
    return sorted({name for detail in details for name, is_secret in detail.spec.variables.items() if is_secret})


def _repository(root: Path) -> Path:
    """The folder of the checkout; that of the project where there is none."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _branch(repository: Path) -> str:
    """The branch that merges go to: the remote's own, else the one that is checked out, else main."""
    for words in (["symbolic-ref", "--short", "refs/remotes/origin/HEAD"], ["symbolic-ref", "--short", "HEAD"]):
        try:
            asked = subprocess.run(
                ["git", "-C", str(repository), *words], capture_output=True, text=True, timeout=5, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return "main"
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip().removeprefix("origin/")
    return "main"


def _steps(
    root: Path,
    chosen: Chosen,
    names: Sequence[str],
    *,
    settings: Mapping[str, object],
    shown: str,
    unknown: bool,
    has_key: bool,
) -> list[str]:
    """*has_key*: another project has set the key of the tags already, which is one for the repository."""
    key, target = root / STATE_FOLDER / "key", chosen.target
    made = f"gh secret set SIEVE_JOBS_STATE_KEY < {STATE_FOLDER}/key" if key.is_file() else (
        "openssl rand -hex 32 | gh secret set SIEVE_JOBS_STATE_KEY"
    )  # fmt: skip
    steps = [*(f"gh secret set {name}" for name in names), *(() if has_key else (made,))]
    if unknown:
        steps.append(f"in {shown}, put the repository and commit of the action in place of {UNKNOWN_ACTION}")
    if settings.get("state") != "git":
        steps.append(f'the state of {target} is kept elsewhere: each runner has to reach it, or set state = "git"')
    steps.append("commit, push, and open a pull request with a spec: it shows the plan")
    if settings.get("state") == "git" and not chosen.in_use:
        steps.append("once: run the workflow by hand with new-state ticked, which makes the state")
    return steps
