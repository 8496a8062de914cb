"""How each code that no bad spec brings about is met: one scene a code, through the command line wherever it can be."""

from __future__ import annotations

import asyncio
import contextlib
import io
import resource
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from sieve_jobs.cli.context import Invocation, Session
from sieve_jobs.cli.looking import function_problems, with_functions
from sieve_jobs.cli.main import run as run_here
from sieve_jobs.cli.streams import Streams
from sieve_jobs.errors import SieveJobsError
from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.push.apply import apply
from sieve_jobs.push.client import Client
from sieve_jobs.push.endpoint import parse_endpoint
from sieve_jobs.push.send import MOST_CLAIMS
from sieve_jobs.spec.files import file_url, read_local_file
from sieve_jobs.state.lock import Owner, hold
from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import PutEntry
from tests.acceptance.shared import git
from tests.cloud import Cloud, Fault, Outcome
from tests.cloud.jobs import OTHER_ORGANIZATION
from tests.errors.stage import Stage
from tests.forked import forked
from tests.project import KEY, Ran, environment, ran, run_program, spec, write
from tests.push.scene import KEY as TAG_KEY
from tests.push.scene import Scene as FarScene
from tests.push.scene import clips
from tests.push.test_claims import Slow, SuspendedClock
from tests.state.samples import NOON, entry

Scene: TypeAlias = Callable[[Stage], None]
SCENES: dict[str, Scene] = {}
ASK = ("apply", "-t", "prod")
APPLY = (*ASK, "--yes")


def scene(code: str) -> Callable[[Scene], Scene]:
    def keep(play: Scene) -> Scene:
        assert code not in SCENES
        SCENES[code] = play
        return play

    return keep


def _many(stage: Stage, count: int, *, first: int = 0) -> None:
    for number in range(count):
        stage.project.write(f"s{number}.yaml", spec(width=first + number))


# What is read beside the specs


@scene("SJ110")
def changed(stage: Stage) -> None:
    root = stage.bare({"clip.mp4": "a film", "jobspecs/dub.yaml": "id: x\ninputs: {a: {file: ../clip.mp4}}\n"})
    file = read_local_file("../clip.mp4", beside=root / "jobspecs", root=root, known=lambda _path, _stamp: None)
    (root / "clip.mp4").write_text("another")
    stage.fails("a file that a spec names changes between plan and push", lambda: file_url(file))


@scene("SJ112")
def too_many(stage: Stage) -> None:
    stage.specs(dub="id: x\n" + "".join(f"k{number}: 1\n" for number in range(200)))
    stage.shows("validate")


@scene("SJ121")
def unusable_value(stage: Stage) -> None:
    stage.specs(dub="id: x\ninputs: {a: '${LONG}', b: '${BYTES}', c: '${ZERO}'}\n")
    stage.shows("validate", LONG="x" * (1024 * 1024 + 1), BYTES="x\udcff", ZERO="canary\0")


# Plans and guards


@scene("SJ130")
def stale(stage: Stage) -> None:
    stage.specs(dub=spec(width=1))
    stage.does("plan", "-t", "prod", "--out", str(stage.root / "plan.json"))
    stage.specs(dub=spec(width=2))
    stage.shows(*APPLY, str(stage.root / "plan.json"))


@scene("SJ131")
def pushes(stage: Stage) -> None:
    _many(stage, 3)
    stage.shows(*APPLY, "--max-pushes", "2")


@scene("SJ132")
def again(stage: Stage) -> None:
    _many(stage, 10)
    stage.does(*APPLY)
    _many(stage, 10, first=100)
    stage.shows(*APPLY)


@scene("SJ133")
def gone(stage: Stage) -> None:
    _many(stage, 10)
    stage.does(*APPLY)
    for number in range(4):
        (stage.root / f"jobspecs/s{number}.yaml").unlink()
    stage.shows(*APPLY)


@scene("SJ134")
def none_found(stage: Stage) -> None:
    stage.shows(*APPLY)
    stage.specs(dub=spec())
    stage.does(*APPLY)
    (stage.root / "jobspecs/dub.yaml").unlink()
    stage.shows(*APPLY)


@scene("SJ135")
def protected(stage: Stage) -> None:
    stage.specs(dub=spec(width=1) + "protect: true\n")
    stage.does(*APPLY)
    stage.specs(dub=spec(width=2) + "protect: true\n")
    stage.shows(*APPLY)


@scene("SJ136")
def consent(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.shows(*ASK)


@scene("SJ137")
def no_plan(stage: Stage) -> None:
    stage.specs(dub=spec())
    write(stage.root, {"plan.json": "{}"})
    stage.shows(*APPLY, str(stage.root / "plan.json"))


@scene("SJ138")
def other_target(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.does("plan", "-t", "prod", "--out", str(stage.root / "plan.json"))
    stage.shows("apply", str(stage.root / "plan.json"))


@scene("SJ139")
def unwritten_plan(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.shows("plan", "-t", "prod", "--out", "no/such/folder.json")


# The far side


@scene("SJ140")
def in_doubt(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.cloud.script.faults.append(Fault(status=500))
    stage.shows(*APPLY)
    stage.shows("resolve", "-t", "prod", "dub", "--adopt", "00000000-0000-0000-0000-000000000000")


@scene("SJ141")
def endpoint(stage: Stage) -> None:
    stage.fails("an endpoint that no key may be sent to", lambda: parse_endpoint("http://far.example"))


@scene("SJ142")
def odd_key(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.shows(*APPLY, SIEVE_API_KEY="canary\n")


@scene("SJ143")
def refused(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.cloud.script.faults.append(Fault(status=422, body={"detail": "no such voice"}))
    stage.shows(*APPLY)


@scene("SJ144")
def all_refused(stage: Stage) -> None:
    stage.specs(dub=spec())
    for status in (401, 402, 403):
        stage.cloud.script.faults = [Fault(status=status, route="any", body={"detail": "no"})]
        stage.shows(*APPLY)
    stage.cloud.script.faults = [Fault(status=302, route="any", headers={"Location": "https://elsewhere.example"})]
    stage.shows(*APPLY)


@scene("SJ145")
def unreachable(stage: Stage) -> None:
    stage.patch.setattr("sieve_jobs.push.client.backoff", lambda attempt: 0.0)
    stage.specs(dub=spec())
    write(stage.root, {"sieve-jobs.toml": '[targets.prod]\nendpoint = "http://127.0.0.1:1"\n'})
    stage.shows(*APPLY)


@scene("SJ146")
def other_endpoint(stage: Stage) -> None:
    stage.specs(a=spec(width=1))
    stage.does(*APPLY)
    stage.specs(b=spec(width=2))
    stage.cloud.script.keys = {Cloud.key: OTHER_ORGANIZATION}
    stage.shows(*APPLY)
    write(stage.root, {"sieve-jobs.toml": '[targets.prod]\nendpoint = "https://elsewhere.example"\n'})
    stage.shows(*APPLY)


@scene("SJ147")
def empty_state(stage: Stage) -> None:
    stage.specs(dub=spec(width=1))
    stage.cloud.add_job({"function": "sieve/dubbing", "inputs": {"width": 1}})
    stage.shows(*APPLY)


@scene("SJ148")
def lost(stage: Stage) -> None:
    stage.cloud.script.outcomes.append(Outcome(polls=-1))
    stage.specs(dub=spec())
    stage.does(*APPLY, "--detach")
    stage.cloud.forget(stage.cloud.jobs[0].id)
    stage.shows(*APPLY)


@scene("SJ149")
def no_answer(stage: Stage) -> None:
    stage.cloud.script.outcomes.append(Outcome(polls=-1))
    stage.specs(dub=spec())
    stage.does(*APPLY, "--detach")
    stage.cloud.script.faults.append(Fault(status=403, route="job", times=-1))
    stage.shows("status", "-t", "prod")


# The state


@scene("SJ150")
def full_disk(stage: Stage) -> None:
    """A limit on the size of files is a disk that is full, for one process."""
    stage.specs(dub=spec())
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
    program = [sys.executable, "-c", limit + "from sieve_jobs.__main__ import main; sys.exit(main())", *APPLY]
    stage.keep(" ".join(APPLY), run_program(program, stage.root))


@scene("SJ151")
def locked(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.does("plan", "-t", "prod")
    owner = Owner("ann", "runner-7", 4711, NOON, "apply", "https://ci.example/run/7")
    with hold(stage.root / ".sieve-jobs" / "prod.lock", owner=owner, timeout=0.0):
        stage.shows(*APPLY)


@scene("SJ152")
def closed(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.project.configure('state = "kept/prod.db"')
    write(stage.root, {"kept": "a file where a folder is to be"})
    stage.shows(*APPLY)
    stage.shows("plan", "-t", "prod")


@scene("SJ153")
def damaged(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.does(*APPLY)
    stage.state.write_bytes(stage.state.read_bytes()[:5000])
    stage.shows("plan", "-t", "prod")


@scene("SJ154")
def newer(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.does(*APPLY)
    with contextlib.closing(sqlite3.connect(stage.state)) as connection:
        connection.execute("UPDATE header SET tool = '9.0.0'")
        connection.execute("PRAGMA user_version = 99")
        connection.commit()
    stage.shows("plan", "-t", "prod")


@scene("SJ155")
def missing(stage: Stage) -> None:
    (clone,) = stage.clones("a", settings=f'lineage = "{"ab" * 16}"')
    stage.keep(" ".join(APPLY), clone.ran(*APPLY))


@scene("SJ156")
def network(stage: Stage) -> None:
    mounts = "22 1 0:1 / / rw - nfs4 server:/ rw\n"
    path = stage.folder / "prod.db"
    stage.fails("a state on a network file system", lambda: open_store(path, mounts=lambda: mounts))


@scene("SJ157")
def open_to_others(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.does(*APPLY)
    stage.state.chmod(0o666)
    stage.shows("plan", "-t", "prod")


@scene("SJ158")
def no_backup(stage: Stage) -> None:
    stage.specs(dub=spec())
    (stage.root / ".sieve-jobs").mkdir(mode=0o700)
    write(stage.root, {".sieve-jobs/backups": "in the way"})
    stage.shows(*APPLY)


@scene("SJ159")
def moved_on(stage: Stage) -> None:
    with open_store(stage.folder / "prod.db") as store:
        store.commit([PutEntry(entry("theirs"))], 0)
        stage.fails("two runs that decided on the same state", lambda: store.commit([PutEntry(entry("ours"))], 0))


@scene("SJ160")
def two_specs(stage: Stage) -> None:
    with open_store(stage.folder / "prod.db") as store:
        store.commit([PutEntry(entry("a", job="j1"))], 0)
        stage.fails("a job for a second spec", lambda: store.commit([PutEntry(entry("b", job="j1"))], 1))


@scene("SJ161")
def no_key(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.shows(*APPLY, SIEVE_JOBS_STATE_KEY="canary")


@scene("SJ162")
def rolled_back(stage: Stage) -> None:
    stage.specs(dub=spec(width=1))
    stage.does(*APPLY)
    shutil.copyfile(stage.state, stage.folder / "older.db")
    stage.specs(dub=spec(width=2))
    stage.does(*APPLY)
    for ending in ("-wal", "-shm"):
        Path(f"{stage.state}{ending}").unlink(missing_ok=True)
    shutil.copyfile(stage.folder / "older.db", stage.state)
    stage.shows(*APPLY)


@scene("SJ163")
def other_lineage(stage: Stage) -> None:
    (clone,) = stage.clones("a")
    assert clone.apply().code == 0
    config = clone.root / "sieve-jobs.toml"
    config.write_text(config.read_text() + f'lineage = "{"ab" * 16}"\n')
    stage.keep(" ".join(APPLY), clone.ran(*APPLY))


@scene("SJ164")
def out_of_reach(stage: Stage) -> None:
    (clone,) = stage.clones("a")
    (stage.folder / "remote.git").rename(stage.folder / "away.git")
    stage.keep(" ".join(APPLY), clone.ran(*APPLY))


@scene("SJ165")
def no_remote(stage: Stage) -> None:
    (clone,) = stage.clones("a")
    git(clone.root, "remote", "remove", "origin")
    stage.keep(" ".join(APPLY), clone.ran(*APPLY))


@scene("SJ166")
def slow_state(stage: Stage) -> None:
    """Every commit of an intent takes longer than a push may wait for it, by the clock of the run."""
    clock = SuspendedClock()
    far = FarScene(stage.folder, stage.cloud)
    options = replace(far.options, clock=clock, plan=PlanOptions(key=TAG_KEY))
    plan = far.plan(clips(1), options.plan)

    async def push() -> None:
        client = Client(stage.cloud.url, Cloud.key, clock=clock, jitter=lambda: 1.0)
        with Slow(far.path, clock, MOST_CLAIMS) as store:
            async with client:
                result = await apply(plan, store, client, options, lambda _: None)
        raise SieveJobsError(*result.problems)

    stage.fails("a state that takes eleven seconds to write an intent", lambda: asyncio.run(push()))


@scene("SJ167")
def no_export(stage: Stage) -> None:
    write(stage.root, {"state.json": "{}"})
    stage.shows("state", "import", str(stage.root / "state.json"), "-t", "prod")
    stage.shows("state", "import", str(stage.root / "nowhere.json"), "-t", "prod")


@scene("SJ168")
def in_use(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.does(*APPLY)
    write(stage.root, {"state.json": stage.does("state", "export", "-t", "prod").out})
    stage.shows("state", "import", str(stage.root / "state.json"), "-t", "prod")


@scene("SJ169")
def other_project(stage: Stage) -> None:
    (ours,), (theirs,) = (stage.clones("a", folder=folder) for folder in ("videos", "audio"))
    assert ours.apply().code == 0
    stage.keep(" ".join(APPLY), theirs.ran(*APPLY))


# Keys, config and command line


@scene("SJ171")
def unset_secret(stage: Stage) -> None:
    stage.specs(dub=spec() + "env: {OPENAI_API_KEY: '${OPENAI_API_KEY}'}\n")
    stage.shows(*APPLY)


@scene("SJ172")
def unset_key(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.shows(*APPLY, SIEVE_API_KEY="")


@scene("SJ173")
def unrecorded(stage: Stage) -> None:
    """The disk is full from the moment on at which the push has arrived: not even a small file finds room."""
    stage.specs(dub=spec())
    stage.cloud.script.faults.append(Fault("hold"))
    as_python_starts = partial(signal.signal, signal.SIGXFSZ, signal.SIG_IGN)
    with forked(stage.root, (*APPLY, "--detach"), environment(), as_python_starts) as process:
        stage.cloud.wait_for(lambda cloud: bool(cloud.pushes))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        stage.cloud.let_go()
        out, err = process.communicate(timeout=60)
    stage.keep(" ".join(APPLY), Ran(process.returncode, out, err))


@scene("SJ174")
def nothing_to_recover(stage: Stage) -> None:
    stage.shows("state", "recover", str(stage.root / "absent.jsonl"), "-t", "prod")
    (stage.root / "given.jsonl").write_text('{"format_version": "2.0"}')
    stage.shows("state", "recover", str(stage.root / "given.jsonl"), "-t", "prod")


def _config(stage: Stage, text: str | bytes) -> None:
    stage.bare({"sieve-jobs.toml": text, "jobspecs/dub.yaml": spec()})
    stage.keep("validate", ran(stage.folder / "p", "validate"))


@scene("SJ180")
def no_config(stage: Stage) -> None:
    _config(stage, "[project\n")


@scene("SJ181")
def unknown_setting(stage: Stage) -> None:
    _config(stage, "[projekt]\n")


@scene("SJ182")
def wrong_setting(stage: Stage) -> None:
    _config(stage, '[targets.prod]\nendpoint = "ftp://far.example"\nconcurrency = 0\n')


@scene("SJ183")
def later_setting(stage: Stage) -> None:
    _config(stage, '[targets.prod]\nendpoint = "https://far.example"\nmax_cost = 25.0\n')


@scene("SJ184")
def no_target(stage: Stage) -> None:
    stage.shows("plan", "-t", "prd")


@scene("SJ185")
def lost_in_ci(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.shows(*APPLY, CI="true")


@scene("SJ186")
def usage(stage: Stage) -> None:
    stage.shows("plna")
    stage.shows("plan", "--detailed-exit")
    stage.shows("logs")
    stage.shows("apply", "--continue", "--rerun", "*")


@scene("SJ187")
def no_name(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.shows("plan", "-t", "prod", "dbu")
    stage.shows("explain", "SJ999")


@scene("SJ189")
def unexpected(stage: Stage) -> None:
    stage.specs(dub=spec())
    err = io.StringIO()
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        code = run_here(["-C", str(stage.root), "validate"], dict(KEY), Streams(full, err))
    stage.keep("validate > /dev/full", Ran(code, "", err.getvalue()))


# Engine, runner, outputs, watch


@scene("SJ190")
def no_engine(stage: Stage) -> None:
    stage.specs(dub=spec())
    write(stage.root, {".sieve-jobs/engine/key": "sj_canary\n", "functions/f.py": ""})
    for folder in (".sieve-jobs", ".sieve-jobs/engine"):
        (stage.root / folder).chmod(0o700)
    (stage.root / ".sieve-jobs/engine/key").chmod(0o644)
    stage.shows("serve")


@scene("SJ191")
def runner(stage: Stage) -> None:
    stage.specs(dub=spec())
    where = str(stage.root / "no" / "where")
    stage.shows("plan", "-t", "prod", "--format", "github", GITHUB_OUTPUT=where, RUNNER_TEMP=where)


@scene("SJ192")
def no_project(stage: Stage) -> None:
    root = stage.bare({"notes.txt": "x"})
    stage.keep("serve", ran(root, "serve"))


@scene("SJ194")
def no_example(stage: Stage) -> None:
    stage.project.configure()
    job = stage.cloud.add_job({"function": "sieve/dubbing", "inputs": {}})
    stage.cloud.finish(job.id, "error", "x")
    stage.shows("functions", "stub", "sieve/dubbing", "-t", "prod", "--job", job.id)


SAVED = spec() + "save: out\n"


@scene("SJ195")
def unsaved(stage: Stage) -> None:
    stage.cloud.script.outcomes.append(Outcome(outputs=[{"url": "{url}/files/a.mp4"}]))
    stage.cloud.script.faults.append(Fault(status=403, route="file", times=-1))
    stage.specs(dub=SAVED)
    stage.shows(*APPLY)


@scene("SJ196")
def in_the_way(stage: Stage) -> None:
    stage.cloud.script.outcomes.append(Outcome(outputs=[{"url": "{url}/files/a.mp4"}]))
    write(stage.root, {"out/0.mp4": "mine"})
    stage.specs(dub=SAVED)
    stage.shows(*APPLY)


@scene("SJ197")
def outputs_gone(stage: Stage) -> None:
    stage.cloud.script.outcomes.append(Outcome(outputs=[{"url": "{url}/files/a.mp4"}]))
    stage.specs(dub=SAVED)
    stage.does(*APPLY)
    shutil.rmtree(stage.root / "out")
    stage.cloud.forget(stage.cloud.jobs[0].id)
    stage.shows(*APPLY)


@scene("SJ198")
def broken_functions(stage: Stage) -> None:
    root = stage.bare(
        {"sieve-jobs.toml": "", "functions/shout.py": "from sieve_jobs import sdk as sieve\ndef shout(:\n"}
    )
    session = Session(Invocation(), {}, Streams(None, None), root)
    _, found = with_functions(session, None)

    def tell() -> None:
        raise SieveJobsError(*function_problems(session, found))

    stage.fails("what watch shows after a save of functions/shout.py", tell)


@scene("SJ199")
def remote_watch(stage: Stage) -> None:
    stage.specs(dub=spec())
    stage.shows("watch", "-t", "prod")
