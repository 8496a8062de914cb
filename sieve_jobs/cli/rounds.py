"""Rounds: one look at the project after another, each carried out as one plan under the lock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import Enum

from sieve_jobs.cli.answering import Outcome
from sieve_jobs.cli.connection import FarSide
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.following import Following
from sieve_jobs.cli.forgotten import note_forgotten
from sieve_jobs.cli.guarding import is_passed
from sieve_jobs.cli.locking import Held, writable
from sieve_jobs.cli.looking import as_configured, function_problems, interest_of, shown_paths, with_functions
from sieve_jobs.cli.parked import Parked
from sieve_jobs.cli.planning import Planned, make_plan, plan_options
from sieve_jobs.cli.pushing import Asked, apply_options
from sieve_jobs.cli.rescue import kept
from sieve_jobs.cli.screen import Screen
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, GuardedError, InvalidError, LockedError, SieveJobsError, UsageError
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.guard import check, finished_jobs
from sieve_jobs.plan.plan import Plan, PlanOptions
from sieve_jobs.push.apply import apply
from sieve_jobs.push.options import ApplyOptions
from sieve_jobs.push.result import ApplyResult
from sieve_jobs.render.quantity import count
from sieve_jobs.render.watching import paths as in_words
from sieve_jobs.watch.feed import Feed
from sieve_jobs.watch.functions import Usable
from sieve_jobs.watch.interest import Interest

LOCK_PAUSE = 0.2
"""Seconds between tries while another run holds the lock."""
LOOKS = 3
"""Looks at a tree whose folders change while it is looked at."""
RETRIED = frozenset({Code.FAR_SIDE_UNREACHABLE, Code.CALL_FAILED, Code.ENGINE_NOT_RUNNING})
"""Problems that may be over by themselves: nobody answered."""


class Round(Enum):
    """What a round came to."""

    DONE = "done"
    AGAIN = "again"
    """The far side did not answer: to be made again."""
    SPENT = "spent"
    """It would push more than the watch may."""


@dataclass(slots=True)
class Spent:
    """What a whole watch has done, over all far sides."""

    pushes: int = 0
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Looked:
    """The project as it is, with a plan's options. *problems* keep anything from being sent."""

    session: Session
    functions: Usable
    options: PlanOptions | None
    problems: tuple[Diagnostic, ...] = ()
    gone: bool = False
    """Specs that were there at the last look are not any more."""


class Rounds:
    """The rounds of one far side, and what they remember."""

    def __init__(self, asked: Asked, far: FarSide, following: Following, screen: Screen, spent: Spent) -> None:
        self._asked, self._far, self._client, self._stop = asked, far, following.client, following.stop
        self._following, self._screen, self._spent = following, screen, spent
        self.interest = Interest(root="/")
        self._functions: Usable | None = None
        self._names: Set[str] = frozenset()
        self._seen: object = None
        self._parked = Parked()
        self._began = False

    async def make(
        self, session: Session, changed: Collection[str] | None, feed: Feed, look_again: Callable[[], Awaitable[bool]]
    ) -> Round:
        """One round. *changed* are the paths that woke it; None for the first. Says what came of it.

        Paths that come while *look_again* waits are added to *changed*, and are of this round.
        """
        try:
            looked = self._look(session, feed)
            if (looked.problems or looked.gone) and await look_again():
                looked = self._look(session, feed)
        except SieveJobsError as error:
            if not self._began:
                raise
            # The project's folder is gone, or cannot be written any more: it may come back.
            self._screen.problems("run", error.diagnostics)
            return self._over(Round.AGAIN, "failed", shown_paths(session, changed or ()))
        paths = shown_paths(session, changed or ())
        self._functions, self._seen = looked.functions, _said(looked)
        self._parked.release(paths, looked.session.tree.wanted)
        try:
            done, said = await self._carried_out(looked, paths)
        except GuardedError as error:
            self._screen.problems("refused", error.diagnostics)
            done, said = Round.DONE, "refused"
        except InvalidError as error:
            # A secret is not set; or a file changed since the look, and the burst that it belongs to comes next.
            self._screen.problems("pushes", error.diagnostics)
            done, said = Round.DONE, "invalid"
        except SieveJobsError as error:
            self._screen.problems("run", error.diagnostics)
            done, said = Round.AGAIN, "failed"
        return self._over(done, said, paths)

    def _over(self, done: Round, said: str, paths: Sequence[str]) -> Round:
        """The end of a round, told."""
        self._spent.rounds += 1
        self._screen.record(
            "round", round=self._spent.rounds, outcome=said, changed=paths[:20], changed_count=len(paths)
        )
        if not self._began:
            self._began = True
            self._screen.say("watching", "watching", "dim", f"{count(len(self._names), 'spec')}; Ctrl-C ends it")
        return done

    def differs(self, session: Session) -> bool:
        """Whether the project does not read as it did for the last round."""
        try:
            return _said(self._read(session)) != self._seen
        except SieveJobsError:
            return True  # the round says what is wrong

    def _look(self, session: Session, feed: Feed) -> Looked:
        """The project as it is now, with the feed looking at all of it since before that."""
        looked = self._read(session)
        for _ in range(LOOKS):
            tree = looked.session.tree
            own = [looked.session.own_folder, looked.session.root / ".git"]
            self.interest = interest_of(looked.session, tree, looked.functions.sources, [str(folder) for folder in own])
            if not feed.look_at(self.interest.folders):
                break
            looked = self._read(session)
        return looked

    def _read(self, session: Session) -> Looked:
        session, functions = with_functions(as_configured(session), self._functions)
        names = frozenset(session.tree.names)
        try:
            options = replace(plan_options(session, self._asked.names), on_change="cancel")
        except InvalidError as error:
            return Looked(session, functions, None, error.diagnostics)
        except UsageError as error:
            if not self._began:
                raise
            return Looked(session, functions, None, error.diagnostics)
        return Looked(session, functions, options, gone=bool(self._names - names))

    async def _carried_out(self, looked: Looked, paths: Collection[str]) -> tuple[Round, str]:
        """What was seen, carried out under the lock; the word says what was done."""
        session, screen = looked.session, self._screen
        if screen.problems("functions", function_problems(session, looked.functions)) and looked.functions.problems:
            screen.say("broken", "broken", "bad", f"{in_words(_files(looked.functions, session))}")
        if looked.options is None:
            if screen.problems("specs", looked.problems) or not self._began:
                bad = len({problem.place.path for problem in looked.problems if problem.place})
                text = f"{count(len(looked.problems), 'problem')} in {count(bad, 'file')}: nothing is pushed"
                screen.say("invalid", "invalid", "bad", text)
            return Round.DONE, "invalid"
        if screen.has_shown("specs"):
            screen.say("mended", "mended", "good", "every spec is valid again")
        screen.problems("specs", ())
        self._names = frozenset(session.tree.names)
        await self._following.record()
        with ExitStack() as held:
            state = await self._state(session, held)
            if state is None:
                return Round.DONE, "stopped"
            planned = make_plan(session, state.store, looked.options)
            concurrency, running = session.target.concurrency, self._following.running
            if self._far.local and await note_forgotten(self._client, state.store, planned, concurrency, known=running):
                planned = make_plan(session, state.store, looked.options)
            plan, held_back = self._parked.leave_out(planned.plan, looked.functions, session.config.project.owner)
            if held_back:
                text = f"{in_words(held_back)}: until the function is mended"
                screen.say("held", "held", "change", text, names=held_back[:20])
            planned = replace(planned, plan=plan)
            return await self._applied(session, planned, state, paths)

    async def _state(self, session: Session, held: ExitStack) -> Held | None:
        """The state under its lock, which is waited for; None once somebody asked to stop."""
        said = False
        while not self._stop.asked.is_set():
            try:
                return held.enter_context(writable(session, "watch", 0.0, new_state=self._asked.new_state))
            except LockedError as error:
                if not said:
                    said = True
                    self._screen.say("locked", "waiting", "dim", error.diagnostics[0].message)
            await asyncio.sleep(LOCK_PAUSE)
        return None

    async def _applied(
        self, session: Session, planned: Planned, state: Held, paths: Collection[str]
    ) -> tuple[Round, str]:
        plan, screen = planned.plan, self._screen
        if not self._began:
            screen.header(plan)
        saving = {entry.name for entry in plan.unsaved.values() if entry.job_id in self._following.saver.under_way}
        screen.notices(each for each in plan.notices if each.reason is not Reason.UNSAVED or each.name not in saving)
        if self._is_spent(plan, session.target.max_pushes):
            return Round.SPENT, "spent"
        self._guard(session, planned)
        screen.problems("refused", ())
        if self._is_idle(planned):
            if paths:
                screen.say("changed", "changed", "dim", f"{in_words(paths)}: nothing to do", paths=[*paths][:20])
            return Round.DONE, "nothing"
        options = self._options(session, planned, state)
        passed = not session.target.in_git or await is_passed(self._client, state.store, planned, options)
        if not (passed and state.secure(plan.where.serial)):
            return Round.AGAIN, "moved"  # others wrote a shared state meanwhile: it is planned again
        if paths and (plan.changes or not planned.plan.refresh):
            screen.say("changed", "changed", "strong", in_words(paths), paths=[*paths][:20])
        elif paths:
            screen.say("changed", "changed", "dim", f"{in_words(paths)}: nothing to do", paths=[*paths][:20])
        if plan.changes:
            screen.plan(plan)
        screen.crowd([change.name for change in plan.changes if change.action in (Action.PUSH, Action.REUSE)])
        screen.refused.clear()
        result = await apply(plan, state.store, self._client, options, screen.emit)
        outcome = kept(session, Outcome(result))
        session.streams.answer(outcome.spilled)
        return self._taken_in(outcome.result, plan)

    def _options(self, session: Session, planned: Planned, state: Held) -> ApplyOptions:
        return replace(
            apply_options(session, self._far, planned, self._asked),
            stop=self._stop, follower=self._following.follower, saver=self._following.saver,
            unlock=state.unlock, wait=None, guarded=session.target.in_git,
        )  # fmt: skip

    def _taken_in(self, result: ApplyResult, plan: Plan) -> tuple[Round, str]:
        self._screen.problems("pushes", ())
        self._spent.pushes += result.summary.pushed
        self._parked.park(self._screen.refused, plan)
        told = [problem for problem in result.problems if problem.code not in {Code.PUSH_REFUSED, Code.PUSH_IN_DOUBT}]
        self._screen.problems("run", told)
        if ExitCode.GUARDED in result.codes:
            raise GuardedError(*told)
        again = any(problem.code in RETRIED for problem in told)
        return (Round.AGAIN if again else Round.DONE), "applied"

    def _is_spent(self, plan: Plan, most: int | None) -> bool:
        """Whether *plan* pushes more than the watch may; says so. *most* is the target's own limit."""
        local = plan.where.endpoint == "local"
        given = self._asked.max_pushes
        limit = given if given is not None or local else most
        total = self._spent.pushes + plan.summary.push
        if limit is None or total <= limit or not plan.summary.push:
            return False
        source = "--max-pushes" if given is not None else f"max_pushes of target '{plan.where.target}'"
        before = f" after {self._spent.pushes}" if self._spent.pushes else ""
        more = count(plan.summary.push, "push", "pushes")
        message = f"refused: {more}{before}, and {source} allows {limit} for the whole watch"
        self._screen.problems(
            "refused", [Diagnostic(Code.TOO_MANY_PUSHES, message, hint=f"to go on: --max-pushes {total}")]
        )
        return True

    def _guard(self, session: Session, planned: Planned) -> None:
        """Raises GuardedError for a plan that looks like a mistake. What only costs time on this machine does not."""
        problems = check(
            planned.plan,
            interactive=True,
            max_pushes=self._asked.max_pushes,
            max_pushes_given=self._asked.max_pushes is not None,
            allow_removals=self._asked.allow_removals,
            found_files=session.tree.files,
            wanted=len(session.tree.wanted),
            finished=finished_jobs(planned.state),
            local=session.target.is_local,
            allow_protected=self._asked.allow_protected,
        )
        if problems:
            raise GuardedError(*problems)

    def _is_idle(self, planned: Planned) -> bool:
        """Whether there is nothing to send, to record, or to begin to follow."""
        plan, state, followed = planned.plan, planned.state, self._following.running
        saving = self._following.saver.under_way
        running = {entry.job_id for entry in plan.running.values()} | {job.job_id for job in state.superseded}
        return not (
            plan.changes
            or plan.refresh
            or state.intents
            or running - followed
            or {entry.job_id for entry in plan.unsaved.values()} - saving
            or any(not entry.reported for entry in plan.failed.values())
        )


def _said(looked: Looked) -> object:
    """All that a plan is made of, to be compared."""
    return looked.session.tree.fingerprints, looked.session.tree.problems, looked.functions.problems


def _files(functions: Usable, session: Session) -> list[str]:
    return shown_paths(session, {str(file) for file, _, _ in functions.problems})
