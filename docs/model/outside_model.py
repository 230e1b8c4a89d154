"""Work outside, executable: an attempt starts something elsewhere under a name in the job's record, and later ones adopt it.

    python outside_model.py                       every configuration, then every rule taken away (see checking.py)
    python outside_model.py 'a cancel' without intent

One job, whose handler runs something elsewhere: a batch job, a container. The job's record has its *handle*, a name chosen before
anything is started under it; starting twice under one name starts once. Its output is named by the attempt that chose the handle.
When the owner is lost, or stops in order, the job is QUEUED again with the handle, and the next attempt adopts what runs. Work that
is to be stopped is first *given up*: `ending` in the record says why. Then it is stopped, its output dropped, the handle cleared.

Two workers claim, and settle what is dead; one garbage collector; another job that works on the same noun. A step is a write, or a
read on which a later write elsewhere relies. Faults: a process dies, or loses its request on the way and dies (it arrives later, or
never), an attempt is called dead and lives, the handler fails (or runs out of time), the work fails, a cancel, SIGTERM, retryJob.
What jobs_model.py shows of messages is left out: a queued job may be claimed at any time.

What must never be: something runs outside for a job that is finished; two works of one job run; work is stopped that nobody
gave up; work that ended well is done again; the output of work that goes on, or its input, is dropped; an output that the noun
lists is written to, or dropped; a job that switched is not SUCCEEDED; an older output replaces a newer one; a job is FAILED
though its work and its handler did not fail as often; anything is left for ever.
"""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from checking import Program, main

RULES = {
    "first": "the handle is in the record before anything is started under it",
    "mine": "only the attempt that owns the record sets the handle, by compare-and-set, and only while nobody cancelled",
    "name": "a handle is a name that was never used: it has the attempt that set it",
    "restart": "who adopts a handle starts under it as well: starting what is there already adopts it",
    "remains": "what ended outside can be found under its name until the handle is cleared",
    "bar": "a name that was stopped can't be started any more, also where nothing had been started under it",
    "patience": "... for longer than any request may be under way",
    "keep": "who ends a dead attempt, or stops in order, leaves the handle in the record and the outside alone",
    "lost": "a lost owner of a handle spends no failure",
    "intent": "nothing is stopped before the record says that it was given up",
    "doomed": "what was given up is never adopted: whoever claims the job stops it",
    "confirm": "the handle is cleared, and the job put back or finished, only when the stop is confirmed",
    "later": "a queued job with a handle is not CANCELED at once: it is given up, claimed, stopped",
    "unsettled": "a dead owner in CANCELING with a handle is settled to QUEUED and given up, not to CANCELED",
    "look": "who ends a dead attempt takes `writer` over and looks whether it had switched",
    "output": "who ends a dead attempt does not drop the output that the handle names",
    "garbage": "garbage collection keeps the output that the handle names",
    "own": "under the handle's name only the work outside writes; what an attempt makes of it has the attempt's own name",
    "order": "... and reads the job's record before the noun",
    "pins": "pins stay while there is a handle: what runs outside goes on reading",
    "writer": "`writer` stays while there is a handle: no other job works on the noun in between",
}
QUEUED, RUNNING, CANCELING, FINISHED, IDLE = "QUEUED", "RUNNING", "CANCELING", "FINISHED", "idle"
ALIVE = (RUNNING, CANCELING)
SUCCEEDED, FAILED, CANCELED = "SUCCEEDED", "FAILED", "CANCELED"
RUNS, DONE, BROKEN, STOPPED, NOTHING = "runs", "has ended well", "has failed", "is stopped", "is not there"
CRASH, FLIGHT, VERDICT, FAIL, CANCEL, TERM, RETRY, OTHER = range(8)


class Config(NamedTuple):
    name: str
    crashes: int = 0
    flights: int = 0
    """Processes that die while a request to the outside is under way."""
    verdicts: int = 0
    fails: int = 0
    cancels: int = 0
    terms: int = 0
    retries: int = 0
    others: int = 0
    """Other jobs that switch the noun."""
    failures: int = 2
    """So many failures are spent."""
    loads: bool = False
    """The attempt itself makes its output of what the work outside has left."""


class Job(NamedTuple):
    state: str = QUEUED
    outcome: str = ""
    attempt: int = 0
    failures: int = 0
    handle: int = 0
    """The attempt that set it, or 0."""
    ending: str = ""
    """Why what runs outside was given up: failed, canceled."""
    pinned: bool = False


class Thread(NamedTuple):
    at: str = IDLE
    attempt: int = 0
    name: int = 0
    """The handle, or the output that was found."""
    output: int = 0
    """What the noun will be switched to."""


class State(NamedTuple):
    job: Job
    writer: int
    """The attempt of this job that has the noun; 0: nobody has."""
    current: int
    """The output of this job that the noun lists."""
    outside: tuple[tuple[int, str], ...]
    outputs: frozenset[int]
    """By the handle; where attempts load it, what they make of it by minus the attempt."""
    threads: tuple[Thread, ...]
    flying: tuple[tuple[str, int], ...]
    """Requests of dead processes, still under way."""
    garbage: tuple[int, int]
    """A name, and what is known of it."""
    left: tuple[int, ...]
    ended: frozenset[int] = frozenset()
    """For an observer: what ended well,"""
    given_up: frozenset[int] = frozenset()
    """... what was given up in the record,"""
    overtaken: frozenset[int] = frozenset()
    """... what was started before another job switched the noun,"""
    failed: int = 0
    """... and how often the work or its handler failed since the job was opened."""
    bad: str = ""


Step = tuple[bool, str, State]
Steps = Iterator[tuple[str, State]]


class Outside:
    """All that may happen, in one configuration with some of the rules."""

    def __init__(self, config: Config, rules: frozenset[str] = frozenset(RULES)) -> None:
        self.c, self.rules = config, rules

    def initial(self) -> State:
        return State(Job(), 0, 0, (), frozenset(), (Thread(), Thread()), (), (0, 0), tuple(self.c[1:9]))

    # -- words and writes ----------------------------------------------------------------------------------------------

    def go(self, s: State, p: int, *thread: Any) -> State:
        return s._replace(threads=(*s.threads[:p], Thread(*thread), *s.threads[p + 1 :]))

    def spend(self, s: State, fault: int) -> State:
        return s._replace(left=(*s.left[:fault], s.left[fault] - 1, *s.left[fault + 1 :]))

    def record(self, s: State, **change: Any) -> State:
        return s._replace(job=s.job._replace(**change))

    def mine(self, s: State, t: Thread) -> bool:
        return s.job.state in ALIVE and s.job.attempt == t.attempt

    def there(self, s: State, name: int) -> str:
        return dict(s.outside).get(name, NOTHING)

    def title(self, output: int) -> str:
        """An output: the handle's, or what an attempt has loaded."""
        return str(output) if output > 0 else f"{-output}, loaded"

    def put(self, s: State, name: int, state: str) -> State:
        rest = tuple(x for x in s.outside if x[0] != name)
        return s._replace(outside=tuple(sorted((*rest, (name, state)) if state != NOTHING else rest)))

    def finish_as(self, s: State, outcome: str) -> State:
        return self.record(s, state=FINISHED, outcome=outcome, handle=0, ending="", pinned=False)

    def give_up(self, s: State, why: str, **change: Any) -> State:
        return self.record(s, ending=why, **change)._replace(given_up=s.given_up | {s.job.handle})

    def back(self, s: State) -> State:
        """QUEUED again, with whatever handle there is."""
        pinned = s.job.pinned and "pins" in self.rules and (bool(s.job.handle) or not {"first", "keep"} <= self.rules)
        return self.record(s, state=QUEUED, pinned=pinned)

    # -- what reaches the outside --------------------------------------------------------------------------------------

    def started(self, s: State, name: int) -> State:
        if self.there(s, name) != NOTHING:
            return s
        if s.ended - s.given_up:
            s = s._replace(bad="work that ended well is done again")
        return self.put(s, name, RUNS)._replace(outputs=s.outputs | {name})

    def stopped(self, s: State, name: int, attempt: int = 0) -> State:
        there = self.there(s, name)
        if there == RUNS and s.job.handle == name and not s.job.ending and s.job.attempt != attempt:
            s = s._replace(bad="work is stopped that nobody gave up")
        if there == DONE or (there == NOTHING and "bar" not in self.rules):
            return s
        return self.put(s, name, STOPPED)

    def dropped(self, s: State, name: int) -> State:
        if s.job.handle == name and not s.job.ending and self.there(s, name) in (RUNS, DONE):
            s = s._replace(bad="the output of work that goes on is dropped")
        if s.current == name:
            s = s._replace(bad="an output is dropped that the noun lists")
        return s._replace(outputs=s.outputs - {name})

    # -- an owner ------------------------------------------------------------------------------------------------------

    def take(self, s: State, p: int, t: Thread) -> Steps:
        if s.writer > t.attempt:
            yield "finds `writer` with a later attempt, stops", self.go(s, p)
        else:
            yield "takes `writer`", self.go(s._replace(writer=t.attempt), p, "recheck", t.attempt)

    def recheck(self, s: State, p: int, t: Thread) -> Steps:
        job, mine = s.job, self.mine(s, t)
        name = t.attempt if "name" in self.rules else 1
        if not mine and "mine" in self.rules:
            yield "finds itself superseded, stops", self.go(s, p)
        elif mine and job.handle and job.ending == "failed" and "doomed" not in self.rules:
            yield f"adopts {job.handle}", self.go(self.record(s, ending=""), p, "start", t.attempt, job.handle)
        elif mine and job.handle and job.ending:
            yield f"finds that {job.handle} was given up", self.go(s, p, "stop", t.attempt, job.handle)
        elif mine and job.state == CANCELING and not job.handle:
            yield "finds the job cancelled: CANCELED", self.go(self.finish_as(s, CANCELED), p)
        elif mine and job.handle:
            step = "start" if "restart" in self.rules else "poll"
            yield f"adopts {job.handle}", self.go(s, p, step, t.attempt, job.handle)
        elif "first" not in self.rules:
            yield "pins its input", self.go(self.record(s, pinned=True), p, "start", t.attempt, name)
        else:
            yield (
                f"pins its input, sets the handle {name}",
                self.go(self.record(s, pinned=True, handle=name), p, "start", t.attempt, name),
            )

    def start(self, s: State, p: int, t: Thread) -> Steps:
        what = "starts" if self.there(s, t.name) == NOTHING else f"would start, but {self.there(s, t.name)}:"
        step = "poll" if "first" in self.rules or s.job.handle == t.name else "note"
        yield f"{what} {t.name}", self.go(self.started(s, t.name), p, step, t.attempt, t.name)

    def note(self, s: State, p: int, t: Thread) -> Steps:
        """Without `first`: it was started, now the handle."""
        if self.mine(s, t):
            yield f"sets the handle {t.name}", self.go(self.record(s, handle=t.name), p, "poll", t.attempt, t.name)
        else:
            yield "is superseded, stops", self.go(s, p)

    def poll(self, s: State, p: int, t: Thread) -> Steps:
        there = self.there(s, t.name)
        if not self.mine(s, t):
            yield "is superseded, stops", self.go(s, p)
        elif s.job.state == CANCELING:
            yield "hears of the cancel", self.go(s, p, *self.giving_up(t))
        if there == DONE:
            step = "load" if self.c.loads else "switch"
            yield f"sees that {t.name} has ended well", self.go(s, p, step, t.attempt, t.name, t.name)
        elif there in (BROKEN, STOPPED):
            yield f"sees that {t.name} {there}", self.go(s, p, "fail", t.attempt, t.name)
        elif there == NOTHING and "restart" in self.rules:
            yield f"sees that {t.name} is not there", self.go(s, p, "start", t.attempt, t.name)

    def giving_up(self, t: Thread) -> tuple[str, int, int]:
        return ("stop" if "confirm" in self.rules else "end"), t.attempt, t.name

    def fail(self, s: State, p: int, t: Thread) -> Steps:
        if "intent" not in self.rules:
            yield "does not say so", self.go(s, p, *self.giving_up(t))
        elif not self.mine(s, t):
            yield "is superseded, stops", self.go(s, p)
        elif s.job.state == CANCELING:
            yield "hears of the cancel", self.go(s, p, *self.giving_up(t))
        else:
            after = self.give_up(s, "failed", failures=s.job.failures + 1)
            yield f"gives {t.name} up", self.go(after, p, *self.giving_up(t))

    def stop(self, s: State, p: int, t: Thread) -> Steps:
        yield (
            f"stops {t.name}",
            self.go(self.stopped(s, t.name, t.attempt), p, *(("drop", t.attempt, t.name) if "confirm" in self.rules else ())),
        )

    def drop(self, s: State, p: int, t: Thread) -> Steps:
        yield f"drops the output of {t.name}", self.go(self.dropped(s, t.name), p, "end", t.attempt, t.name)

    def end(self, s: State, p: int, t: Thread) -> Steps:
        after = self.go(s, p, *(("stop", t.attempt, t.name) if "confirm" not in self.rules else ()))
        if not self.mine(s, t):
            yield "is superseded, stops", self.go(s, p)
        elif s.job.state == CANCELING:
            yield "ends the job: CANCELED", self.finish_as(after, CANCELED)
        else:
            failures = s.job.failures + ("intent" not in self.rules)
            if failures < self.c.failures:
                cleared = self.record(after, failures=failures, handle=0, ending="")
                yield "puts the job back: QUEUED", self.back(cleared)
            else:
                yield "ends the job: FAILED", self.give_out(after, failures)

    def give_out(self, s: State, failures: int) -> State:
        after = self.finish_as(self.record(s, failures=failures), FAILED)
        return after._replace(bad="a job FAILED whose work did not fail as often") if s.failed < failures else after

    def load(self, s: State, p: int, t: Thread) -> Steps:
        output = -t.attempt if "own" in self.rules else t.name
        after = self.go(s._replace(outputs=s.outputs | {output}), p, "switch", t.attempt, t.name, output)
        if t.name not in s.outputs and self.mine(s, t):
            after = after._replace(bad="what the work outside has left is not there")
        if output == s.current:
            after = after._replace(bad="an output is written to that the noun lists")
        yield f"loads what {t.name} has left, as {self.title(output)}", after

    def switch(self, s: State, p: int, t: Thread) -> Steps:
        if s.writer != t.attempt:
            yield "finds that `writer` is not its own, stops", self.go(s, p)
            return
        after = self.go(s._replace(current=t.output), p, "finish", t.attempt, t.name)
        if t.name in s.overtaken:
            after = after._replace(bad="an older output replaces a newer one")
        if t.output not in s.outputs:
            after = after._replace(bad="an output is switched to that is not there")
        yield f"switches the noun to {self.title(t.output)}", after

    def finish(self, s: State, p: int, t: Thread) -> Steps:
        if self.mine(s, t):
            yield "ends the job: SUCCEEDED", self.go(self.finish_as(s, SUCCEEDED), p)
        else:
            yield "is superseded, stops", self.go(s, p)

    # -- who ends a dead attempt ---------------------------------------------------------------------------------------

    def fence(self, s: State, p: int, t: Thread) -> Steps:
        writer = t.attempt if 0 < s.writer < t.attempt else s.writer
        what = f"takes `writer` over, finds {self.title(s.current) if s.current else 'no output'}"
        yield what, self.go(s._replace(writer=writer), p, "settle", t.attempt, s.current)

    def settle(self, s: State, p: int, t: Thread) -> Steps:
        job, after = s.job, self.go(s, p)
        if not self.mine(s, t):
            yield "is superseded, stops", after
        elif t.name:
            yield "ends the job: SUCCEEDED", self.finish_as(after, SUCCEEDED)
        elif job.state == CANCELING and (not job.handle or "unsettled" not in self.rules):
            yield "ends the job: CANCELED", self.finish_as(after, CANCELED)
        elif not job.handle or "keep" not in self.rules:
            yield "puts the job back: QUEUED", self.back(self.record(after, handle=0, ending=""))
        else:
            if "output" not in self.rules and job.handle < t.attempt:
                after = self.dropped(after, job.handle)
            failures = job.failures + ("lost" not in self.rules)
            if failures < self.c.failures or "lost" in self.rules:
                given = f", which was given up: {job.ending}" if job.ending else ""
                yield f"puts the job back with {job.handle}{given}: QUEUED", self.back(self.record(after, failures=failures))
            else:
                yield "ends the job: FAILED", self.give_out(after, failures)

    # -- all that may happen next: (is it progress, label, state) ------------------------------------------------------

    def steps(self, s: State) -> Iterator[Step]:
        for progress, what, after in self.every_step(s):
            yield progress, what, self.watched(after)

    def watched(self, s: State) -> State:
        running = [name for name, state in s.outside if state == RUNS]
        job, bad = s.job, ""
        if len(running) > 1:
            bad = "two works of one job run"
        elif running and job.state == FINISHED:
            bad = "something runs outside for a job that is finished"
        elif running and not job.pinned:
            bad = "the input of work that goes on may be collected"
        elif job.state == FINISHED and s.current and job.outcome != SUCCEEDED:
            bad = "a job that switched is not SUCCEEDED"
        return s._replace(bad=s.bad or bad)

    def every_step(self, s: State) -> Iterator[Step]:
        for p, t in enumerate(s.threads):
            if t.at == IDLE:
                for progress, what, after in self.idle(s, p):
                    yield progress, f"p{p + 1} {what}", after
                continue
            who = f"p{p + 1} ({t.attempt}) "
            for what, after in getattr(self, t.at)(s, p, t):
                yield True, who + what, after
            for what, after in self.faults(s, p, t):
                yield False, who + what, after
        yield from self.users(s)
        yield from self.elsewhere(s)
        yield from self.collect(s)

    def faults(self, s: State, p: int, t: Thread) -> Steps:
        if s.left[CRASH]:
            yield "dies", self.go(self.spend(s, CRASH), p)
        if s.left[FLIGHT] and t.at in ("start", "stop"):
            after = self.go(self.spend(s, FLIGHT), p)
            yield f"dies, its request to {t.at} {t.name} is under way", after._replace(flying=(*s.flying, (t.at, t.name)))
        if s.left[FAIL] and t.at == "poll":
            after = self.spend(s, FAIL)._replace(failed=s.failed + 1)
            yield "fails, or runs out of time", self.go(after, p, "fail", t.attempt, t.name)
        if s.left[TERM] and t.at in ("take", "recheck", "start", "poll", "load", "stop", "drop") and self.mine(s, t):
            after = self.go(self.spend(s, TERM), p)
            if s.job.state == CANCELING and not s.job.handle:
                yield "stops in order: CANCELED", self.finish_as(after, CANCELED)
            else:
                yield "stops in order: QUEUED", self.back(after)

    def idle(self, s: State, p: int) -> Iterator[Step]:
        job = s.job
        if job.state == QUEUED:
            state, attempt = CANCELING if job.ending == "canceled" else RUNNING, job.attempt + 1
            yield (
                True,
                f"claims attempt {attempt}: {state}",
                self.go(self.record(s, state=state, attempt=attempt), p, "take", attempt),
            )
        if job.state in ALIVE:
            alive = any(t.at != IDLE and t.attempt == job.attempt for t in s.threads)
            if not alive or s.left[VERDICT]:
                after = self.record(self.spend(s, VERDICT) if alive else s, attempt=job.attempt + 1)
                what = f"{'calls' if alive else 'finds'} attempt {job.attempt} dead{', which lives' if alive else ''}, claims it"
                step = "fence" if "look" in self.rules else "settle"
                yield not alive, what, self.go(after, p, step, job.attempt + 1)

    def users(self, s: State) -> Iterator[Step]:
        job = s.job
        if s.left[CANCEL] and job.state in (QUEUED, RUNNING) and job.ending != "canceled":
            after = self.spend(s, CANCEL)
            if job.state == RUNNING:
                yield False, "a cancel: CANCELING", self.give_up(after, "canceled", state=CANCELING)
            elif job.handle and "later" in self.rules:
                yield False, "a cancel: QUEUED, and given up", self.give_up(after, "canceled")
            else:
                yield False, "a cancel: CANCELED", self.finish_as(after, CANCELED)
        if s.left[RETRY] and job.outcome in (FAILED, CANCELED):
            after = self.record(self.spend(s, RETRY), state=QUEUED, outcome="", failures=0)
            yield False, "the job is opened again: QUEUED", after._replace(failed=0)
        if s.writer and job.state not in ALIVE and not (job.handle and "writer" in self.rules):
            yield True, "a reaper frees `writer`", s._replace(writer=0)
        if s.left[OTHER] and not s.writer and not s.current:
            after = self.spend(s, OTHER)._replace(overtaken=s.overtaken | {name for name, _ in s.outside} | {job.handle})
            yield False, "another job takes the noun, switches it, frees it", after

    def elsewhere(self, s: State) -> Iterator[Step]:
        for name, state in s.outside:
            if state == RUNS:
                yield True, f"{name} ends well", self.put(s, name, DONE)._replace(ended=s.ended | {name})
                if s.left[FAIL]:
                    after = self.spend(s, FAIL)._replace(failed=s.failed + 1)
                    yield False, f"{name} fails", self.put(after, name, BROKEN)
            elif (s.job.handle != name and "patience" not in self.rules) or (state == DONE and "remains" not in self.rules):
                yield False, f"{name} is forgotten outside", self.put(s, name, NOTHING)
        for k, (verb, name) in enumerate(s.flying):
            rest = s._replace(flying=s.flying[:k] + s.flying[k + 1 :])
            yield True, f"the request to {verb} {name} is lost", rest
            yield (
                True,
                f"the request to {verb} {name} arrives",
                getattr(self, {"start": "started", "stop": "stopped"}[verb])(rest, name),
            )

    def collect(self, s: State) -> Iterator[Step]:
        name, known = s.garbage
        if known == 2:
            yield True, f"GC drops {self.title(name)}", self.dropped(s._replace(garbage=(0, 0)), name)
            return
        for each in (name,) if known else sorted(s.outputs):
            job, title = s.job, self.title(each)
            over = (job.state == FINISHED or job.attempt > abs(each)) and not ("garbage" in self.rules and job.handle == each)
            checks = [
                ("the job's record does not keep", over),
                ("the noun does not name", each != s.current and abs(each) != s.writer),
            ]
            what, yes = checks[known if "order" in self.rules else 1 - known]
            if yes:
                yield True, f"GC: {what} {title}", s._replace(garbage=(each, known + 1))
            elif known:
                yield True, f"GC lets {title} be", s._replace(garbage=(0, 0))

    # -- quiescence ----------------------------------------------------------------------------------------------------

    def quiet(self, s: State) -> bool:
        still = all(t.at == IDLE for t in s.threads) and not s.flying and not s.garbage[1] and not s.writer
        return still and s.job.state == FINISHED and s.outputs <= {s.current}

    def complaint(self, s: State) -> str:
        return "a job SUCCEEDED that did not switch" if s.job.outcome == SUCCEEDED and not s.current else ""

    def canonical(self, s: State) -> State:
        return s._replace(threads=tuple(sorted(s.threads)), flying=tuple(sorted(s.flying)))


CONFIGS = [
    Config("requests under way, a wrong verdict, a failure, a cancel", flights=1, verdicts=1, fails=1, cancels=1, others=1),
    Config("a death, a wrong verdict, two failures, a cancel", crashes=1, verdicts=1, fails=2, cancels=1),
    Config("deaths, SIGTERM, a failure, a cancel, another job", crashes=2, fails=1, cancels=1, terms=1, others=1),
    Config("three wrong verdicts, a failure, a cancel", verdicts=3, fails=1, cancels=1, others=1),
    Config("attempts load the result, a wrong verdict, SIGTERM", crashes=1, verdicts=1, cancels=1, terms=1, loads=True),
    Config("attempts load the result, two wrong verdicts, a failure", verdicts=2, fails=1, loads=True),
    Config("opened again", crashes=1, verdicts=1, fails=1, cancels=1, retries=1),
    Config("opened again, with requests under way", flights=1, fails=2, cancels=1, retries=1),
    Config("two requests under way, SIGTERM, a cancel", flights=2, verdicts=1, cancels=1, terms=1),
]
WITHOUT = {  # rule -> the smallest configurations that need it
    "first": [Config("-", crashes=1)],
    "mine": [Config("-", verdicts=1)],
    "name": [Config("-", fails=1)],
    "restart": [Config("-", crashes=1)],
    "remains": [Config("-", crashes=1)],
    "bar": [Config("-", verdicts=1, cancels=1)],
    "patience": [Config("-", verdicts=1, cancels=1)],
    "keep": [Config("-", crashes=1)],
    "lost": [Config("-", crashes=2)],
    "intent": [Config("-", verdicts=1, fails=1)],
    "doomed": [Config("-", verdicts=1, fails=1)],
    "confirm": [Config("-", crashes=1, cancels=1)],
    "later": [Config("-", crashes=1, cancels=1)],
    "unsettled": [Config("-", crashes=1, cancels=1)],
    "look": [Config("-", crashes=1, cancels=1)],
    "output": [Config("-", crashes=1)],
    "garbage": [Config("-", crashes=1)],
    "own": [Config("-", verdicts=1, loads=True)],
    "order": [Config("-", crashes=1)],
    "pins": [Config("-", crashes=1)],
    "writer": [Config("-", crashes=1, others=1)],
}
PROGRAM = Program(Outside, RULES, CONFIGS, WITHOUT)
if __name__ == "__main__":
    sys.exit(main(PROGRAM, sys.argv[1:]))
