"""Inputs as they are sent, but for local files, which are read here: `{file: clips/a.mp4}`."""

from __future__ import annotations

from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.spec.files import LocalFileError, read_local_file
from sieve_jobs.spec.jobspec import Pointer, dotted
from sieve_jobs.spec.model import Finding
from sieve_jobs.spec.reading import Reading
from sieve_jobs.spec.templates import secret_in
from sieve_jobs.wire import Json


def with_files(value: Json, pointer: Pointer, reading: Reading, sent: Pointer | None = None) -> Json:
    """*value* with `{file: …}` read and noted, and `{$file: …}` undone to the data it stands for.

    *pointer* is where it was written, *sent* where it stands once every `$file` is undone; leaves move along.
    """
    sent = pointer if sent is None else sent
    if isinstance(value, str):
        if sent != pointer and pointer in reading.leaves:
            reading.leaves[sent] = reading.leaves.pop(pointer)
        return value
    if isinstance(value, list):
        return [with_files(item, (*pointer, i), reading, (*sent, i)) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and len(pointer) > 1 and pointer not in reading.unknown:
        if "file" in value:
            return _local_file(value["file"], pointer, reading, sent)
        if "$file" in value:
            return {"file": with_files(value["$file"], (*pointer, "$file"), reading, (*sent, "file"))}
    return {key: with_files(item, (*pointer, key), reading, (*sent, key)) for key, item in value.items()}


def _local_file(shown: Json, pointer: Pointer, reading: Reading, sent: Pointer) -> Json:
    where = (*pointer, "file")
    leaf = reading.leaves.get(where)
    if not isinstance(shown, str):
        expected = "a path relative to this file"
        reading.add_known([Finding(Code.WRONG_TYPE, f"'{dotted(where)}' has the wrong type", where, expected=expected)])
    elif not reading.settings.local:
        message = "local files on a remote target are not supported yet"
        reading.add(Finding(Code.NOT_SUPPORTED, message, where, hint="give a url, or use the local target"))
    elif leaf is not None and leaf.is_secret(reading.variables):
        reading.add(secret_in("file", leaf, reading, where))
    elif where not in reading.unknown and not reading.is_full:
        try:
            folder, root = Path(reading.path).parent, reading.settings.root
            reading.named.add(f"{folder}/{shown}")
            file = read_local_file(shown, beside=folder, root=root, known=reading.known)
        except LocalFileError as error:
            reading.add(Finding(error.code, error.message, where, hint=error.hint))
        else:
            reading.files[sent] = file
    if sent != pointer and leaf is not None:
        reading.leaves[(*sent, "file")] = reading.leaves.pop(where)
    return {"file": shown}
