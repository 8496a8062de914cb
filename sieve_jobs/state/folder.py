"""The folder `.sieve-jobs`: made private, refused where somebody else could have written in it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import StateError
from sieve_jobs.state.problems import FOLDER, read_only, shown, unreadable

WRITABLE_BY_OTHERS = 0o022
OPEN_TO_OTHERS = 0o077


def ensure_folder(root: Path) -> Path:
    """`.sieve-jobs` below *root*, 0700, with its own `.gitignore`; made where it is missing.

    Raises StateError where it cannot be made, is a symbolic link, belongs to somebody else, or others may write in
    it. One that others can only read is closed to them.
    """
    folder = root / FOLDER
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        require_own_folder(folder)
        if stat.S_IMODE(folder.lstat().st_mode) & OPEN_TO_OTHERS:
            folder.chmod(0o700)
        _write_once(folder / ".gitignore", b"*\n")
    except OSError as error:
        raise read_only(folder, error.strerror or str(error)) from error
    return folder


def ensure_inner_folder(folder: Path) -> None:
    """A folder inside `.sieve-jobs`, 0700. Raises StateError as ensure_folder does, OSError where it cannot be made."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    require_own_folder(folder)


def require_own_folder(folder: Path) -> None:
    """Refuses a folder that is a symbolic link, is not ours, or that others may write in. Raises StateError, OSError.

    What stands in a folder that passes can have been put there by its owner only.
    """
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "a file"
        raise _unsafe(folder, f"is {what}, not a folder", f"remove '{shown(folder)}'; the next run makes it anew")
    _require_owner(folder, found)
    _require_mode(folder, found, WRITABLE_BY_OTHERS)


def require_own_file(path: Path, *, forbidden: int = WRITABLE_BY_OTHERS, descriptor: int | None = None) -> None:
    """Refuses a file that is a symbolic link or device, is not ours, or has one of the *forbidden* mode bits.

    With a *descriptor*, what was opened is judged, not what now has the name. Raises StateError, and OSError where
    the file cannot be looked at, FileNotFoundError among them.
    """
    found = path.lstat() if descriptor is None else os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a regular file"
        raise _unsafe(path, f"is {what}", f"look at what '{shown(path)}' is, and remove it if it is not yours")
    _require_owner(path, found)
    _require_mode(path, found, forbidden)


def require_safe_state(path: Path) -> None:
    """Refuses a state whose file or folder somebody else could have written. A missing one is fine.

    Raises StateError, also for one that cannot be looked at.
    """
    try:
        if path.parent.name == FOLDER:
            require_own_folder(path.parent)
        require_own_file(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def place_new(draft: Path, path: Path) -> bool:
    """Gives the finished file *draft* the name *path* in one step, durably; False if there is such a file already.

    The draft's own name is gone afterwards. A reader sees no file or the whole one.
    """
    try:
        os.link(draft, path, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:
        # No hard links here (FAT, some FUSE). The lock on the state keeps a second maker away.
        if path.exists():
            return False
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def draft_of(path: Path) -> Path:
    """Makes an empty file beside *path* to be filled and placed: 0600, its name not predictable."""
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    return draft


def sync_folder(folder: Path) -> None:
    """Makes the names in *folder* durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_once(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)


def _require_owner(path: Path, found: os.stat_result) -> None:
    """Ours, root's, or of whoever owns the folder around it, who could replace it anyway (a project mounted into a
    container, where we are root)."""
    if found.st_uid not in {os.geteuid(), 0, path.parent.stat().st_uid}:
        raise _unsafe(path, f"belongs to another user (uid {found.st_uid})", "remove it if you did not put it there")


def _require_mode(path: Path, found: os.stat_result, forbidden: int) -> None:
    if stat.S_IMODE(found.st_mode) & forbidden:
        verb, fix = ("read", "go=") if forbidden & 0o044 else ("write", "go-w")
        raise _unsafe(path, f"is open to other users, who may {verb} it", f"run: chmod {fix} '{shown(path)}'")


def _unsafe(path: Path, what: str, hint: str) -> StateError:
    return StateError(Diagnostic(Code.STATE_OPEN_TO_OTHERS, f"'{shown(path)}' {what}", hint=hint))
