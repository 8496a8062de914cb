"""Jobs that a state could not take, as the lines of a file, and back. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sieve_jobs.state.parse import DocumentError, Fields, load_json
from sieve_jobs.wire import Status

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Answer:
    """A push that was answered with a job. Its intent is in the state, where this goes as well."""

    intent: str
    """The uuid of the intent."""
    name: str
    job_id: str
    run_id: str
    status: Status

    def as_json(self) -> dict[str, str]:
        return {
            "intent": self.intent, "name": self.name, "job_id": self.job_id, "run_id": self.run_id,
            "status": self.status.value,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """What a run could not write: the state's lineage, its serial as this run saw it last, and the answers."""

    lineage: str
    serial: int
    answers: tuple[Answer, ...]

    @property
    def text(self) -> str:
        """One line of JSON for each answer, each whole by itself. Ids and names alone: no secret."""
        head = {"format_version": FORMAT_VERSION, "lineage": self.lineage}
        return "".join(json.dumps({**head, **answer.as_json()}) + "\n" for answer in self.answers)


def parse_recover(text: bytes) -> tuple[str, tuple[Answer, ...]]:
    """The lineage and the answers of such lines. Raises DocumentError with the first thing that is not as it should."""
    lineages: set[str] = set()
    answers: dict[str, Answer] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            fields = Fields(load_json(line), f"line {number}")
        except DocumentError as error:
            raise DocumentError(f"line {number}: {str(error).removeprefix(f'line {number}: ')}") from error
        version = fields.text("format_version")
        if version != FORMAT_VERSION:
            raise DocumentError(f"line {number}.format_version: '{version[:20]}' is not {FORMAT_VERSION}")
        lineages.add(fields.line("lineage"))
        answer = Answer(
            intent=fields.line("intent"), name=fields.line("name"), job_id=fields.line("job_id"),
            run_id=fields.line("run_id", empty=True), status=fields.status("status"),
        )  # fmt: skip
        fields.done()
        if answers.setdefault(answer.intent, answer).job_id != answer.job_id:
            raise DocumentError(f"line {number}: another line gives the same push another job")
    if len(lineages) != 1:
        raise DocumentError("no line" if not lineages else "lines of several states")
    return lineages.pop(), tuple(answers.values())
