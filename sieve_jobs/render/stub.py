"""A stub: the source of a function that answers with the outputs of an example job, whatever it is given. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sieve_jobs.render.python import WIDTH, NoSourceError, Source, is_parameter, text
from sieve_jobs.state.entry import SavedFile
from sieve_jobs.wire import Json, Parameter

FIRST_LINE = '"""A stub, made by `sieve-jobs functions stub`: it answers with the outputs of an example job.'
"""What every stub begins with, and nothing else does."""
LARGEST = 2 * 1024 * 1024
"""Characters of a stub: every plan reads it."""
_HEAD = f"""\
{FIRST_LINE}

The answer is the same whatever it is given. It can be edited as any function.
\"\"\"
"""
_TYPES = frozenset({
    "str", "int", "float", "bool", "list", "dict", "sieve.File", "sieve.Video", "sieve.Audio", "sieve.Image",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stub:
    """What a stub is made of."""

    name: str
    """Its deployed name, without an author."""
    of: str
    """The function whose job is the example: `author/name`."""
    job_id: str
    """Empty where it is not known."""
    outputs: Sequence[Mapping[str, Json]]
    """InputOutput objects."""
    parameters: Sequence[Parameter] | None = None
    """None where they are not known: then it takes any name."""
    streams: bool = False
    folder: str = ""
    """Name of the folder beside it that holds *files*."""
    files: Mapping[str, SavedFile] = field(default_factory=dict)
    """Files of the outputs by their url; a path is the name in *folder*."""


def takes_any_name(stub: Stub) -> bool:
    """Whether the parameters are not known, or not such as Python can have."""
    names = [parameter.name for parameter in stub.parameters or ()]
    return not names or not all(map(is_parameter, names)) or len(set(names)) < len(names)


def source(stub: Stub, clean: Callable[[str], str] = str) -> str:
    """The text of the module. *clean* takes secrets out of texts. Raises NoSourceError for what cannot be written."""
    streams = stub.streams or len(stub.outputs) != 1
    written = Source({url: f"FILES / {text(file.path)}" for url, file in stub.files.items()}, clean)
    given = _parameters(stub, written)
    job = f"job {stub.job_id}" if stub.job_id else "a saved job"
    answer = "_answer"
    while any(parameter.name == answer for parameter in stub.parameters or ()):
        answer += "_"
    found = "\n".join([
        _HEAD,
        *(["from pathlib import Path\n"] if stub.files else []),
        "from sieve_jobs import sdk as sieve\n",
        *(_files(stub) if stub.files else []),
        "",
        f'@sieve.function(name={text(stub.name)})\n{_signature(given)}',
        f"    yield from {answer}()" if streams else f"    return {answer}()[0]",
        "\n",
        f"def {answer}():",
        f"    print({text(f'stub of {stub.of}: the answer is that of {job}')})",
        *_outputs(stub, written),
        "",
    ])  # fmt: skip
    if len(found) > LARGEST:
        raise NoSourceError(f"are larger than {LARGEST >> 20} MiB as text")
    return found


def _files(stub: Stub) -> Iterator[str]:
    """The folder of the files; with what is in it, so that other files are another source."""
    yield f"FILES = Path(__file__).with_name({text(stub.folder)})"
    for file in sorted(stub.files.values(), key=lambda each: each.path):
        yield f"# {text(file.path)}: {file.size:,} bytes, sha256 {file.sha256}"
    yield ""


def _outputs(stub: Stub, written: Source) -> Iterator[str]:
    if not stub.outputs:
        yield "    return []"
        return
    yield "    return ["
    for output in stub.outputs:
        yield f"        {written.output(output.get('data'), output.get('type'), 2)},"
    yield "    ]"


def _parameters(stub: Stub, written: Source) -> Sequence[str]:
    """Parameters with types and defaults, as they stand in the signature."""
    if takes_any_name(stub):
        return ["**inputs"]
    found: list[str] = []
    optional = False
    for parameter in stub.parameters or ():
        optional = optional or parameter.is_optional  # what follows one that can be left out has a default as well
        hint = f": {parameter.type}" if parameter.type in _TYPES else ""
        default = _default(parameter, written) if optional else ""
        if hint and default:
            default = f"{' | None' if default == 'None' else ''} = {default}"
        elif default:
            default = f"={default}"
        found.append(f"{parameter.name}{hint}{default}")
    return found


def _default(parameter: Parameter, written: Source) -> str:
    """None for what is no plain value: a list would be one and the same for all calls."""
    value = parameter.default
    return "None" if isinstance(value, list | dict) else written.value(value, 1)


def _signature(given: Sequence[str]) -> str:
    flat = f"def stub({', '.join(given)}):"
    if "\n" not in flat and len(flat) <= WIDTH:
        return flat
    ends = ["" if each.startswith("**") else "," for each in given]
    return "def stub(\n" + "".join(f"    {each}{end}\n" for each, end in zip(given, ends, strict=True)) + "):"
