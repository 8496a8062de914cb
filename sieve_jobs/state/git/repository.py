"""The project's repository and its remote, as far as a state needs them: one ref, its commits, and their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sieve_jobs.state.git.command import FETCH_SECONDS, LOCAL_SECONDS, NETWORK_SECONDS, Done, run_git
from sieve_jobs.state.git.problems import no_git, no_remote, out_of_reach

ORIGIN = "origin"
FETCHES = 5
"""Times that the remote's commit may have changed before it was here."""
_AUTHOR = "sieve-jobs <sieve-jobs@localhost>"
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_RACED = re.compile(r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value")
"""What a push says that came second; a lock that another push holds at that moment is the same."""


class Pushed(Enum):
    """What became of a push, as far as git tells."""

    DONE = "done"
    RACED = "raced"
    """Another one was first."""
    REFUSED = "refused"
    """The remote does not want it."""
    UNCLEAR = "unclear"
    """No answer, or none that says so."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit to be made."""

    files: Mapping[str, bytes]
    """New content by path; empty content removes the file."""
    message: str
    at: int
    """When, in seconds since the epoch."""
    parents: Sequence[str] = ()
    tree: str | None = None
    """What the files change; None for the tree of the first parent, and empty text for nothing at all."""
    cut: str | None = None
    """A tree that a second parent shall have, which has no parent itself: history may go on from there."""


class Repository:
    """One ref on one remote. Nothing else in the repository is touched: no branch, no index, no work tree."""

    def __init__(self, folder: Path, environ: Mapping[str, str], ref: str) -> None:
        """*folder* is any of the repository's. Raises StateError where there is none, and for no clear remote."""
        self._environ = environ
        self._top = folder
        # What git makes of paths depends on the folder that it is asked in: it is asked at the top, always.
        lines = self._output("rev-parse", "--show-prefix", "--show-cdup")
        prefix, _, up = lines.removesuffix("\n").rpartition("\n")
        self._top = folder / up
        self.folder = prefix.removesuffix("/")
        """*folder* from the repository's top; empty for the top itself."""
        self.ref = ref
        self.remote = self._remote()

    def tip(self) -> str | None:
        """The commit that the remote has now, None for no such ref. Raises StateError where it cannot be asked."""
        done = self._network("ls-remote", "--refs", self.remote, self.ref)
        if done.code != 0:
            raise out_of_reach(self.remote, done.said)
        for line in done.text.splitlines():
            oid, _, name = line.partition("\t")
            if name == self.ref and _OID.fullmatch(oid):
                return oid
        return None

    def fetch(self, tip: str) -> str:
        """Brings what the remote has here: *tip*, as it said, or what is there by now; returns which.

        No ref says so yet: what this clone had is not given up for a state that nobody has judged (see keep).
        """
        for _ in range(FETCHES):
            done = self._git(
                "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-prune",
                "--no-filter", "--refmap=", self.remote, self.ref, seconds=FETCH_SECONDS,
            )  # fmt: skip
            if done.code != 0:
                raise out_of_reach(self.remote, done.said)
            if self.has(tip):
                return tip
            found = self.tip()
            if found is None:
                break
            tip = found
        raise out_of_reach(self.remote, f"{self.ref} is another one each time it is fetched")

    def keep(self, oid: str) -> None:
        """Lets the ref of the same name say *oid* here, so that a lost state can be put back from here.

        Nothing rests on it: where the ref cannot be written, what is gone later is fetched again.
        """
        self._git("update-ref", self.ref, oid)

    def local(self) -> str | None:
        """The commit that the ref of the same name has here."""
        done = self._git("rev-parse", "--verify", "--quiet", f"{self.ref}^{{commit}}")
        return done.text.strip() if done.code == 0 else None

    def has(self, oid: str) -> bool:
        """Whether the commit and the files of its tree are here, as far as one look tells."""
        return self._git("cat-file", "-e", f"{oid}^{{tree}}").code == 0

    def holds(self, path: str) -> bool:
        """Whether a file lies at *path*, from the top, or did when it was last added: True where git does not tell."""
        tracked = self._git("ls-files", "-z", "--", f":(top,literal){path}")
        return tracked.code != 0 or tracked.out != b"" or (self._top / path).exists()

    def is_ancestor(self, oid: str, of: str) -> bool:
        return self._git("merge-base", "--is-ancestor", oid, of).code == 0

    def parents(self, oid: str) -> list[str]:
        return self._output("rev-parse", f"{oid}^@").split()

    def tree(self, oid: str) -> str:
        return self._output("rev-parse", f"{oid}^{{tree}}").strip()

    def listing(self, oid: str, *paths: str) -> dict[str, str]:
        """Every file of the commit, or those of *paths* that it has: path to blob."""
        out = self._output("ls-tree", "-r", "-z", "--full-tree", oid, "--", *paths)
        found: dict[str, str] = {}
        for line in filter(None, out.split("\0")):
            facts, _, path = line.partition("\t")
            found[path] = facts.split()[2]
        return found

    def changed(self, old: str, new: str) -> dict[str, tuple[str | None, str | None]]:
        """Files that differ: path to the old and the new blob, None for one that is not there."""
        parts = self._output("diff-tree", "-r", "-z", "--no-renames", "--raw", old, new).split("\0")
        found: dict[str, tuple[str | None, str | None]] = {}
        for facts, path in zip(parts[::2], parts[1::2], strict=False):
            _, _, before, after, _ = facts.split()
            found[path] = (_blob(before), _blob(after))
        return found

    def contents(self, oid: str, paths: Iterable[str], *, beside: str) -> dict[str, bytes]:
        """Content of those of *paths* that the commit has. Raises StateError where one of them is not here.

        Every commit has the file *beside*: a list without it is of something else, and says nothing of the others.
        """
        wanted = list(paths)
        blobs = self.listing(oid, beside, *wanted) if wanted else {}
        if wanted and blobs.pop(beside, None) is None:
            raise no_git(f"git lists no '{beside}' in {oid[:12]}")
        found = self.read(blobs.values())
        lost = next((path for path, blob in blobs.items() if blob not in found), None)
        if lost is not None:
            raise no_git(f"'{lost}' of {oid[:12]} is not in this clone")
        return {path: found[blob] for path, blob in blobs.items()}

    def read(self, objects: Iterable[str]) -> dict[str, bytes]:
        """Content by name: a blob's id, or `COMMIT:PATH`. What is not there is left out."""
        wanted = list(dict.fromkeys(objects))
        if not wanted:
            return {}
        done = self._git("cat-file", "--batch", given="".join(f"{name}\n" for name in wanted).encode())
        if done.code != 0:
            raise no_git(done.said)
        found: dict[str, bytes] = {}
        at = 0
        for name in wanted:
            end = done.out.index(b"\n", at)
            words = done.out[at:end].split()
            at = end + 1
            if words[-1] == b"missing":
                continue
            size = int(words[-1])
            found[name] = done.out[at : at + size]
            at += size + 1
        return found

    def write(self, draft: Draft) -> str:
        """Makes the commit here and returns its id. Nothing is sent, and no ref says so."""
        done = self._git("fast-import", "--quiet", "--force", "--done", given=_stream(self.ref, draft))
        oid = done.text.strip()
        if done.code != 0 or not _OID.fullmatch(oid):
            raise no_git(done.said or "git fast-import made no commit")
        return oid

    def push(self, oid: str, expected: str | None) -> tuple[Pushed, str]:
        """Puts *oid* on the ref if the remote still has *expected* there; what git says to it."""
        done = self._network(
            "push", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no",
            f"--force-with-lease={self.ref}:{expected or ''}", self.remote, f"{oid}:{self.ref}",
        )  # fmt: skip
        if done.code == 0:
            return Pushed.DONE, ""
        refused = next((line for line in done.text.splitlines() if line.startswith("!\t")), "")
        if not refused:
            return Pushed.UNCLEAR, done.said
        reason = refused.rpartition("\t")[2]
        if _RACED.search(reason):
            return Pushed.RACED, reason
        return Pushed.REFUSED, f"{reason}; {done.said}" if done.said else reason

    def may_push(self) -> str | None:
        """Why the remote would not take a push, None where it would, as far as trying without writing tells."""
        source = self.local() or "HEAD"
        if self._git("rev-parse", "--verify", "--quiet", f"{source}^{{commit}}").code != 0:
            return None  # nothing here to try it with
        done = self._network(
            "push", "--porcelain", "--dry-run", "--no-verify", "--no-follow-tags", self.remote,
            f"{source}:{self.ref}-try",
        )  # fmt: skip
        return None if done.code == 0 else done.said

    def _remote(self) -> str:
        done = self._git("remote")
        if done.code != 0:
            raise no_git(done.said)
        names = done.text.split()
        if ORIGIN in names:
            return ORIGIN
        if len(names) == 1:
            return names[0]
        raise no_remote(names)

    def _output(self, *arguments: str) -> str:
        done = self._git(*arguments)
        if done.code != 0:
            raise no_git(done.said)
        return done.text

    def _network(self, *arguments: str) -> Done:
        return self._git(*arguments, seconds=NETWORK_SECONDS)

    def _git(self, *arguments: str, given: bytes = b"", seconds: float = LOCAL_SECONDS) -> Done:
        try:
            return run_git(self._top, self._environ, arguments, given=given, seconds=seconds)
        except OSError as error:
            raise no_git(f"git could not be started ({error.strerror})") from error


def _blob(oid: str) -> str | None:
    return None if set(oid) == {"0"} else oid


def _stream(ref: str, draft: Draft) -> bytes:
    """The commit as git fast-import takes it. At the end its branch is reset to nothing, which leaves *ref* alone."""
    lines: list[bytes] = []
    if draft.cut is not None:
        lines += [_commit(ref, 2, draft.at, "history is cut here"), f'M 040000 {draft.cut} ""\n'.encode()]
    lines.append(_commit(ref, 1, draft.at, draft.message))
    lines += [f"from {parent}\n".encode() for parent in draft.parents[:1]]
    if draft.cut is not None:
        lines.append(b"merge :2\n")
    if draft.tree:
        lines.append(f'M 040000 {draft.tree} ""\n'.encode())
    elif draft.tree is not None:
        lines.append(b"deleteall\n")
    for path, content in draft.files.items():
        if content:
            lines += [f"M 100644 inline {path}\ndata {len(content)}\n".encode(), content, b"\n"]
        else:
            lines.append(f"D {path}\n".encode())
    return b"".join([*lines, b"\nget-mark :1\n", f"reset {ref}\n\n".encode(), b"done\n"])


def _commit(ref: str, mark: int, at: int, message: str) -> bytes:
    said = message.encode()
    return f"commit {ref}\nmark :{mark}\ncommitter {_AUTHOR} {at} +0000\ndata {len(said)}\n".encode() + said + b"\n"
