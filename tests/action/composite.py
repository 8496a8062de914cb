"""The steps of action.yml as a runner runs them: its expressions, its bash, its files; actions by stand-ins."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.action.github import TOKEN
from tests.project import REPOSITORY, ran

ACTION: dict[str, Any] = yaml.safe_load((REPOSITORY / "action.yml").read_text())
LONGEST = 240.0
"""Seconds that a step may take: more than a run waits for the lease of one that died."""
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"'[^']*'|always\(\)|\|\||&&|==|!=|!|[()]|[A-Za-z_][\w.-]*|\s+")
_WORDS = {"||": " or ", "&&": " and ", "!": " not ", "always()": "True"}
_OUTPUT = re.compile(r"(?ms)^([a-z-]+)(?:=([^\n]*)|<<(\S+)\n(.*?)\n\3)\n")


@dataclass
class Job:
    """What came of a run of the action."""

    code: int
    """Of the first step that failed, as the job's own; 0 if none did."""
    log: str
    outputs: dict[str, str]
    ran: list[str]
    summary: str
    artifact: list[Path]


@dataclass
class Runner:
    """A runner with a checkout at *workspace*; *event* is what GitHub says of what happened."""

    workspace: Path
    temp: Path
    api: str
    event: dict[str, Any]
    environ: dict[str, str] = field(default_factory=dict)
    """What the workflow sets for the step: secrets."""
    validates_here: bool = False
    """Whether the step `Validate` is the command in this process: where another run has shown that bash starts it."""
    program: str = ""
    """Python that is installed as `sieve-jobs` in place of the real start of it."""
    step: subprocess.Popen[str] | None = None
    """What runs now, or ran last."""

    def run(self, **inputs: str) -> Job:
        known = self.known({}, inputs)
        job = Job(0, "", {}, [], "", [])
        for step in ACTION["runs"]["steps"]:
            condition = str(step.get("if", ""))
            if (job.code and "always()" not in condition) or (condition and not evaluated(condition, known)):
                continue
            job.ran.append(step["name"])
            outputs = self._used(step, known, job) if "uses" in step else self._ran(step, known, job)
            known["steps"][step.get("id", step["name"])] = {"outputs": outputs}
        job.outputs = {name: filled(said["value"], known) for name, said in ACTION["outputs"].items()}
        return job

    def step_alone(self, name: str, came: Mapping[str, dict[str, str]], **inputs: str) -> Job:
        """One step, behind others whose outputs *came*, by their ids; what it says is the job's output."""
        job = Job(0, "", {}, [name], "", [])
        job.outputs = self._ran(step_of(name), self.known(came, inputs), job)
        return job

    def known(self, came: Mapping[str, dict[str, str]], inputs: Mapping[str, str]) -> dict[str, Any]:
        """What the expressions of the action may look up."""
        given = {name: str(said.get("default", "")) for name, said in ACTION["inputs"].items()}
        return {
            "inputs": given | {name.replace("_", "-"): value for name, value in inputs.items()},
            "github": self.event | {"token": TOKEN},
            "steps": {step: {"outputs": outputs} for step, outputs in came.items()},
        }

    def _used(self, step: dict[str, Any], known: dict[str, Any], job: Job) -> dict[str, str]:
        if "upload-artifact" in step["uses"]:
            files = [Path(line.strip()) for line in filled(step["with"]["path"], known).splitlines() if line.strip()]
            assert all(file.is_file() for file in files)
            job.artifact = files
        return {"python-path": sys.executable}

    def _ran(self, step: dict[str, Any], known: dict[str, Any], job: Job) -> dict[str, str]:
        if step["name"] == "Install sieve-jobs":
            self.installed()
            return {}
        arguments, folder, environ = self.prepared(step, known)
        if self.validates_here and step["name"] == "Validate":
            done = ran(folder, "validate", "--format", "github", "--target", known["inputs"]["target"], environ=environ)
            return self._over(job, done.code, done.all)
        with subprocess.Popen(
            arguments, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        ) as self.step:  # fmt: skip
            try:
                log = self.step.communicate(timeout=LONGEST)[0]
            finally:
                self.kill()
        return self._over(job, self.step.returncode, log)

    def _over(self, job: Job, code: int, log: str) -> dict[str, str]:
        job.log += log
        job.summary += (self.temp / "summary").read_text()
        job.code = job.code or code
        return self.said()

    def kill(self) -> None:
        """The machine is gone: nothing of the step that runs goes on."""
        if self.step is not None and self.step.poll() is None:
            os.killpg(self.step.pid, signal.SIGKILL)

    def said(self) -> dict[str, str]:
        """The outputs of the step that ran last."""
        found = _OUTPUT.findall((self.temp / "output").read_text())
        return {name: long if mark else short for name, short, mark, long in found}

    def prepared(self, step: dict[str, Any], known: dict[str, Any]) -> tuple[list[str], Path, dict[str, str]]:
        """What starts the step: its arguments, folder and environment."""
        assert step["shell"] == "bash"
        script, output, summary = (self.temp / name for name in ("script.sh", "output", "summary"))
        script.write_text(step["run"])
        output.write_text("")
        summary.write_text("")
        given = {name: filled(str(value), known) for name, value in step.get("env", {}).items()}
        runner = {
            "GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_WORKSPACE": str(self.workspace), "RUNNER_TEMP": str(self.temp), "WAIT_FACTOR": "0",
            "GITHUB_ACTION_PATH": str(REPOSITORY), "GITHUB_API_URL": self.api, "GITHUB_REPOSITORY": "octo/videos",
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "77", "PATH": os.environ["PATH"],
        }  # fmt: skip
        arguments = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
        folder = self.workspace / filled(step.get("working-directory", "."), known)
        return arguments, folder, runner | self.environ | given

    def installed(self) -> None:
        """What the step installs, from the environment of the tests: a copy of it would take a minute."""
        folder = self.temp / "sieve-jobs" / "bin"
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("python", "sieve-jobs"):
            (folder / name).symlink_to(Path(sys.executable).parent / name)
        if self.program:
            (folder / "sieve-jobs").unlink()
            (folder / "sieve-jobs").write_text(f"#!{sys.executable}\n{self.program}\n")
            (folder / "sieve-jobs").chmod(0o755)


def step_of(name: str) -> dict[str, Any]:
    (step,) = (each for each in ACTION["runs"]["steps"] if each["name"] == name)
    return dict(step)


def filled(text: str, known: dict[str, Any]) -> str:
    return _EXPRESSION.sub(lambda match: str(evaluated(match[1], known)), text)


def evaluated(expression: str, known: dict[str, Any]) -> Any:
    """An expression of GitHub's: names, text, comparisons, and what binds them."""
    words = _TOKEN.findall(expression)
    assert "".join(words) == expression, expression
    python = "".join(
        _WORDS.get(word) or (repr(_looked_up(word, known)) if word[0].isalpha() else word) for word in words
    )
    return eval(" ".join(python.split()), {"__builtins__": {}})  # noqa: S307 - action.yml is ours


def _looked_up(path: str, known: dict[str, Any]) -> Any:
    value: Any = known
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return "" if value is None else value
