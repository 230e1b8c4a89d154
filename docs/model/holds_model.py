"""Held jobs, executable: a rule holds queued jobs back and admits them in turn, up to a limit for each key and in total.

    python holds_model.py                       every configuration, then every rule taken away (see checking.py)
    python holds_model.py 'one person' without hold

A job that a rule speaks of is inserted QUEUED and held, under a hold id of its own. The rule's one record, its *allowance*, has
the hold ids that it admitted, and the keys in the order of their turns. Admission is a compare-and-set on the allowance, then one
on the job (held -> not held), then the command is sent. A *pass* does that for whoever's turn it is until there is no room: who
asks, who ends a job, who cancels one, and every reaper make one.

A step is a write, or a read on which a later write to another record relies. A pass that read an allowance which was changed
since begins again, so it is put back to its beginning when that happens. A process may die between any two steps; a message may be
delivered twice and late; a job may be cancelled, fail and be put back, be opened again, be forgotten and asked anew; the limit may
change. Time is absent: "later" means any time later, or never. How a job is claimed, beats and is settled is jobs_model.py's.

What must never be: more is admitted than the limit, for a key or in total; a job goes on that is neither held nor admitted; a held
job is claimed; an admission, or a job, is left for ever; somebody waits while another is served twice; and, where nobody dies, a
job waits for a reaper.
"""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from checking import Program, main

RULES = {
    "record": "the job's record is there, held, before anything is admitted",
    "cas": "admission is a compare-and-set on the allowance as it was before the held jobs were listed",
    "hold": "an admission names the hold, not the job: each time a job is held, that has a new id",
    "unique": "... an id that was never used, not a number that starts again when the job's record is forgotten and made anew",
    "order": "the sweep reads the allowance first, then the jobs that it names",
    "sweep": "reapers take admissions out whose job is FINISHED, gone, or held under another id by now",
    "pass": "reapers make a pass of their own: time and limits change, and nobody is told",
    "unhold": "a pass lets go what is admitted and still held",
    "same": "a job is let go by a compare-and-set that requires the hold id which was admitted",
    "undo": "who admitted a job and finds it finished takes the admission out again",
    "after": "who ends a job takes it out first, then lists the held jobs",
    "again": "who opens a job again holds it again, and makes a pass",
    "claim": "a held job is never claimed, whatever message comes",
    "keep": "a job keeps its admission until it is FINISHED, also while it is queued for another try",
    "resend": "reapers send what is queued, not held, and not sent",
    "fewest": "the key with the fewest admitted is first",
    "turns": "... among these the one that was served longest ago",
    "behind": "... and a key that was not waiting takes its turn behind those that were",
    "oldest": "... and of a key's jobs the one that was held first",
}
ABSENT, QUEUED, RUNNING, FINISHED, IDLE = "ABSENT", "QUEUED", "RUNNING", "FINISHED", "idle"
CRASH, CANCEL, REOPEN, FAIL, DOUBLE, FORGET = range(6)


class Config(NamedTuple):
    name: str
    keys: str = "aa"
    """The key of each job, in the order in which they are asked for."""
    limits: tuple[tuple[int, int], ...] = ((1, 1),)
    """(for each key, in total): the first, and what it is changed to, one after the other."""
    faults: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    """Crashes, cancels, jobs opened again, failures, messages that come once more, jobs forgotten."""
    processes: int = 2
    reaper: bool = True


class Job(NamedTuple):
    state: str = ABSENT
    held: bool = False
    hold: int = 0
    """The id of its newest hold."""
    since: int = 0
    """When it was held: a number that orders holds."""
    sent: bool = False


class Allowance(NamedTuple):
    admitted: tuple[tuple[int, int], ...] = ()
    """(hold, job), sorted."""
    turns: str = ""
    """The keys that are waiting or admitted; the first has been served longest ago."""


class Thread(NamedTuple):
    """What a process is doing: `at` names its next step."""

    at: str = IDLE
    hold: int = 0
    job: int = -1
    read: Allowance = Allowance()
    view: tuple[int, ...] = ()
    """The jobs that it saw held, or the admissions that it saw to be over."""
    limit: tuple[int, int] = (0, 0)
    ended: tuple[int, int] = (0, -1)
    """Without `after`: the hold that is taken out in the same write as the next one is admitted."""
    asked: str = ""
    """The key of a job that was held just now: its owner makes a pass only where the allowance has room for that key."""


class State(NamedTuple):
    jobs: tuple[Job, ...]
    allowance: Allowance
    threads: tuple[Thread, ...]
    messages: tuple[bool, ...]
    clock: int
    """Holds so far."""
    limit: int
    left: tuple[int, ...]
    ahead: tuple[frozenset[str], ...]
    """For an observer: for each key the others that may be served once before it."""
    bad: str = ""


Step = tuple[bool, str, State]


class Holds:
    """All that may happen, in one configuration with some of the rules."""

    def __init__(self, config: Config, rules: frozenset[str] = frozenset(RULES)) -> None:
        self.c, self.rules = config, rules
        self.keys = "".join(sorted(set(config.keys)))

    def initial(self) -> State:
        count, nobody = len(self.c.keys), (frozenset[str](),) * len(self.keys)
        return State((Job(),) * count, Allowance(), (Thread(),) * self.c.processes, (False,) * count, 0, 0, self.c.faults, nobody)

    # -- words and writes ----------------------------------------------------------------------------------------------

    def name(self, j: int) -> str:
        """A job with its key, such as a1."""
        return f"{self.c.keys[j]}{j + 1}"

    def go(self, s: State, p: int, *thread: Any) -> State:
        return s._replace(threads=(*s.threads[:p], Thread(*thread), *s.threads[p + 1 :]))

    def spend(self, s: State, fault: int) -> State:
        return s._replace(left=(*s.left[:fault], s.left[fault] - 1, *s.left[fault + 1 :]))

    def message(self, s: State, j: int, there: bool = True) -> State:
        return s._replace(messages=(*s.messages[:j], there, *s.messages[j + 1 :]))

    def change(self, s: State, j: int, **change: Any) -> State:
        return s._replace(jobs=(*s.jobs[:j], s.jobs[j]._replace(**change), *s.jobs[j + 1 :]))

    def allow(self, s: State, allowance: Allowance) -> State:
        """Write the allowance: a pass that read it before this will be refused, and begin again."""
        if allowance == s.allowance:
            return s
        threads = s.threads
        if "cas" in self.rules:
            threads = tuple(self.begin(t) if t.at in ("list", "grant", "only") else t for t in threads)
        return s._replace(allowance=allowance, threads=threads)

    def begin(self, t: Thread) -> Thread:
        return Thread("read", ended=t.ended)

    def put(self, s: State, j: int) -> State:
        """The job is inserted, or opened again: held."""
        clock = s.clock + 1
        there = s.jobs[j]
        hold = clock if "unique" in self.rules else there.hold + 1
        if self.c.keys[j] not in self.live(s):
            s = self.behind(s, self.c.keys[j])
        job = Job(QUEUED, True, hold if "hold" in self.rules else 1, clock)
        return s._replace(jobs=(*s.jobs[:j], job, *s.jobs[j + 1 :]), clock=clock)

    def live(self, s: State) -> set[str]:
        """The keys that wait, are admitted, or still have a turn."""
        waiting = {self.c.keys[i] for i, job in enumerate(s.jobs) if job.state not in (ABSENT, FINISHED)}
        return waiting | {self.c.keys[i] for _, i in s.allowance.admitted} | set(s.allowance.turns)

    def behind(self, s: State, key: str) -> State:
        """The key begins to wait, or was just served: each other one may be served before it, once."""
        return self.ahead(s, key, frozenset(self.live(s) - {key}))

    def ahead(self, s: State, key: str, others: frozenset[str]) -> State:
        k = self.keys.index(key)
        return s._replace(ahead=(*s.ahead[:k], others, *s.ahead[k + 1 :]))

    def out(self, s: State, gone: set[tuple[int, int]]) -> State:
        return self.allow(s, s.allowance._replace(admitted=tuple(x for x in s.allowance.admitted if x not in gone)))

    # -- whose turn it is: a pure function -----------------------------------------------------------------------------

    def turns(self, read: Allowance, view: tuple[int, ...], jobs: tuple[Job, ...]) -> str:
        """The keys in the order of their turns: those that were waiting or admitted, then the new ones."""
        admitted = {j for _, j in read.admitted}
        live = {self.c.keys[j] for j in (*view, *admitted)}
        known = "".join(key for key in read.turns if key in live)
        waiting = sorted((jobs[j].since, self.c.keys[j]) for j in view)
        new = "".join(dict.fromkeys(key for _, key in waiting if key not in known))
        return known + new if "behind" in self.rules else new + known

    def turn(self, read: Allowance, view: tuple[int, ...], jobs: tuple[Job, ...], limit: tuple[int, int]) -> int:
        """The job to admit next, or -1."""
        count = self.counts(read)
        if len(read.admitted) >= limit[1]:
            return -1
        order = self.turns(read, view, jobs)
        best = []
        for j in view:
            key = self.c.keys[j]
            if count.get(key, 0) < limit[0]:
                fewest = count.get(key, 0) if "fewest" in self.rules else 0
                turn = order.index(key) if "turns" in self.rules else 0
                best.append((fewest, turn, jobs[j].since if "oldest" in self.rules else -jobs[j].since, j))
        return min(best)[3] if best else -1

    def counts(self, read: Allowance) -> dict[str, int]:
        keys = [self.c.keys[j] for _, j in read.admitted]
        return {key: keys.count(key) for key in keys}

    # -- a pass --------------------------------------------------------------------------------------------------------

    def asking(self, s: State, j: int) -> Thread:
        """What becomes of who asked for a job, or opened it again."""
        return Thread("read", asked=self.c.keys[j])

    def read(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        each, total = self.c.limits[s.limit]
        if t.asked and (len(s.allowance.admitted) >= total or self.counts(s.allowance).get(t.asked, 0) >= each):
            yield f"reads the allowance: no room for {t.asked}", self.go(s, p)
            return
        words = " ".join(self.name(j) for _, j in s.allowance.admitted) or "nobody"
        yield f"reads the allowance: {words} admitted", self.go(s, p, "list", 0, -1, s.allowance, (), (0, 0), t.ended)

    def list(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        view = tuple(j for j, job in enumerate(s.jobs) if job.state == QUEUED and job.held)
        what = f"lists who is held: {' '.join(map(self.name, view)) or 'nobody'}"
        read, limit = t.read, self.c.limits[s.limit]
        if t.ended[0]:
            read = read._replace(admitted=tuple(x for x in read.admitted if x != t.ended))
        let_go = [j for j in view if (s.jobs[j].hold, j) in read.admitted]
        if let_go and "unhold" in self.rules:
            yield f"{what}; {self.name(let_go[0])} is admitted", self.go(s, p, "let_go", s.jobs[let_go[0]].hold, let_go[0])
            return
        view = tuple(j for j in view if j not in let_go)
        j = self.turn(read, view, s.jobs, limit)
        if j < 0:
            only = ("only", 0, -1, read, (), (0, 0), t.ended) if t.ended[0] else ()
            yield f"{what}; none may be admitted", self.go(s, p, *only)
            return
        yield f"{what}; it is the turn of {self.name(j)}", self.go(s, p, "grant", s.jobs[j].hold, j, read, view, limit, t.ended)

    def grant(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        key = self.c.keys[t.job]
        order = self.turns(t.read, t.view, s.jobs)
        order = "".join(x for x in order if x != key) + key
        after = self.fair(s, t)
        admitted = tuple(sorted({*t.read.admitted, (t.hold, t.job)}))
        after = self.go(after, p, "let_go", t.hold, t.job)
        after = self.allow(after, Allowance(admitted, order))
        load = {j for j, job in enumerate(s.jobs) if job.state in (QUEUED, RUNNING) and self.counted(after, j)}
        if len(load) > t.limit[1] or sum(self.c.keys[j] == key for j in load) > t.limit[0]:
            after = after._replace(bad="more is admitted than the limit")
        yield f"admits {self.name(t.job)}", after

    def only(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        """Without `after`: nobody was there to be admitted."""
        yield f"takes {self.name(t.ended[1])} out of the allowance", self.allow(self.go(s, p), t.read)

    def counted(self, s: State, j: int) -> bool:
        return not s.jobs[j].held or (s.jobs[j].hold, j) in s.allowance.admitted

    def fair(self, s: State, t: Thread) -> State:
        """What an observer notes at an admission: who is passed over."""
        key, count = self.c.keys[t.job], self.counts(t.read)
        mine = count.get(key, 0)
        waiting = [j for j in t.view if s.jobs[j].state == QUEUED and s.jobs[j].held]
        current = t.job in waiting and s.jobs[t.job].hold == t.hold
        if any(self.c.keys[j] == key and s.jobs[j].since < s.jobs[t.job].since for j in waiting if current):
            s = s._replace(bad="a later job of the same key is served first")
        for other in sorted({self.c.keys[j] for j in waiting} - {key}):
            ahead, theirs = s.ahead[self.keys.index(other)], count.get(other, 0)
            if theirs < min(mine, t.limit[0]):
                s = s._replace(bad="a key is served while another that has fewer admitted waits")
            elif theirs == mine:
                if key not in ahead:
                    s = s._replace(bad="a key is served twice, or comes later and is served, while another waits")
                s = self.ahead(s, other, ahead - {key})
        for other in sorted({self.c.keys[j] for j, job in enumerate(s.jobs) if job.held and j not in t.view} - {key}):
            ahead = s.ahead[self.keys.index(other)]  # it came while this pass was under way, and is behind
            s = self.ahead(s, other, ahead | {key})
        return self.behind(s, key)

    def let_go(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        job, name = s.jobs[t.job], self.name(t.job)
        if job.state == QUEUED and job.held and (job.hold == t.hold or "same" not in self.rules):
            after = self.change(s, t.job, held=False)
            yield f"lets {name} go", self.go(after, p, "send", t.hold, t.job)
        elif job.hold == t.hold and job.state in (QUEUED, RUNNING):
            yield f"finds that {name} was let go", self.go(s, p, "read")
        elif "undo" in self.rules:
            yield f"finds this hold of {name} over", self.go(s, p, "take_out", t.hold, t.job)
        else:
            yield f"finds this hold of {name} over", self.go(s, p, "read")

    def send(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        after = self.message(s, t.job)
        if after.jobs[t.job].state == QUEUED and after.jobs[t.job].hold == t.hold:
            after = self.change(after, t.job, sent=True)
        yield f"sends {self.name(t.job)}", self.go(after, p, "read")

    def take_out(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        after = self.go(s, p, "read")
        yield f"takes {self.name(t.job)} out of the allowance", self.out(after, {(t.hold, t.job)})

    # -- the sweep: what a death left ----------------------------------------------------------------------------------

    def look(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        over = tuple(x for x in t.read.admitted if self.over(s, x))
        yield "reads the jobs that it names", self.go(s, p, "prune" if over else "read", 0, -1, Allowance(over))

    def over(self, s: State, entry: tuple[int, int]) -> bool:
        job = s.jobs[entry[1]]
        retried = "keep" not in self.rules and job.state == QUEUED and not job.held and not s.left[FAIL]
        return job.state in (ABSENT, FINISHED) or job.hold != entry[0] or retried

    def prune(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        gone = set(t.read.admitted)
        if "order" not in self.rules:
            gone = {x for x in s.allowance.admitted if x not in gone}
        names = " ".join(self.name(j) for _, j in sorted(gone)) or "nobody"
        yield f"takes {names} out of the allowance", self.out(self.go(s, p, "read"), gone)

    def sweep(self, s: State, p: int) -> Iterator[tuple[str, State]]:
        if "sweep" in self.rules and "order" not in self.rules:
            live = tuple((job.hold, j) for j, job in enumerate(s.jobs) if job.state in (QUEUED, RUNNING))
            yield "sweeps, reads the jobs", self.go(s, p, "prune", 0, -1, Allowance(live))
        elif "sweep" in self.rules and s.allowance.admitted:
            yield "sweeps, reads the allowance", self.go(s, p, "look", 0, -1, s.allowance)
        if "pass" in self.rules and any(job.held for job in s.jobs):
            yield "begins a reaper's pass", self.go(s, p, "read")

    # -- without `record` ----------------------------------------------------------------------------------------------

    def insert(self, s: State, p: int, t: Thread) -> Iterator[tuple[str, State]]:
        after = self.change(s, t.job, held=False)
        after = self.change(self.put(after, t.job), t.job, held=False, hold=t.hold)
        yield f"inserts {self.name(t.job)}", self.go(after, p, "send", t.hold, t.job)

    # -- all that may happen next: (is it progress, label, state) ------------------------------------------------------

    def steps(self, s: State) -> Iterator[Step]:
        for progress, what, after in self.every_step(s):
            yield progress, what, self.watched(after)

    def watched(self, s: State) -> State:
        for j, job in enumerate(s.jobs):
            if job.state in (QUEUED, RUNNING) and not job.held and (job.hold, j) not in s.allowance.admitted:
                return s._replace(bad="a job goes on that is neither held nor admitted")
        return s

    def every_step(self, s: State) -> Iterator[Step]:
        for p, t in enumerate(s.threads):
            who = f"p{p + 1} "
            if t.at == IDLE:
                for progress, what, after in self.idle(s, p):
                    yield progress, who + what, after
                continue
            for what, after in getattr(self, t.at)(s, p, t):
                yield True, who + what, after
            if s.left[CRASH]:
                yield False, who + "dies, starts again", self.go(self.spend(s, CRASH), p)
        for j, job in enumerate(s.jobs):
            yield from self.around(s, j, job)
        if s.limit + 1 < len(self.c.limits):
            each, total = self.c.limits[s.limit + 1]
            yield True, f"the limit becomes {each} for each, {total} in total", s._replace(limit=s.limit + 1)

    def idle(self, s: State, p: int) -> Iterator[Step]:
        j = next((j for j, job in enumerate(s.jobs) if job.state == ABSENT), -1)
        if j >= 0 and "record" in self.rules:
            yield False, f"asks for {self.name(j)}: held", self.go(self.put(s, j), p, *self.asking(s, j))
        elif j >= 0 and self.turn(s.allowance, (j,), s.jobs, self.c.limits[s.limit]) >= 0:
            hold = s.clock + 1
            after = self.allow(s, Allowance((*s.allowance.admitted, (hold, j))))
            yield False, f"admits {self.name(j)}, which is not there yet", self.go(after, p, "insert", hold, j)
        for j, job in enumerate(s.jobs):
            name = self.name(j)
            if job.state == RUNNING:
                yield True, f"ends {name}: FINISHED", self.end(s, p, j)
            if job.state == QUEUED and s.left[CANCEL]:
                after = self.spend(s, CANCEL)
                after = self.change(after, j, state=FINISHED, held=False) if job.held else self.end(after, p, j)
                yield False, f"cancels {name}: FINISHED", after
            if job.state == FINISHED and s.left[REOPEN]:
                after = self.put(self.spend(s, REOPEN), j)
                if "again" not in self.rules:
                    after = self.change(after, j, held=False)
                yield False, f"opens {name} again: held", self.go(after, p, *self.asking(s, j))
        if self.c.reaper:
            for what, after in self.sweep(s, p):
                yield True, what, after

    def end(self, s: State, p: int, j: int) -> State:
        after = self.change(s, j, state=FINISHED, held=False, sent=False)
        if "after" in self.rules:
            return self.go(after, p, "take_out", s.jobs[j].hold, j)
        return self.go(after, p, *Thread("read", ended=(s.jobs[j].hold, j)))

    def around(self, s: State, j: int, job: Job) -> Iterator[Step]:
        """What workers do with messages, and what happens to a job."""
        name = self.name(j)
        if s.messages[j]:
            taken = self.message(s, j, False)
            if job.state != QUEUED or (job.held and "claim" in self.rules):
                yield True, f"a message for {name} is dropped", taken
            else:
                after = self.change(taken, j, state=RUNNING, sent=False)
                yield True, f"{name} is claimed: RUNNING", after._replace(bad="a held job is claimed") if job.held else after
                if s.left[DOUBLE]:
                    twice = self.message(self.spend(after, DOUBLE), j)
                    yield False, f"{name} is claimed: RUNNING, and its message comes once more", twice
        if job.state == QUEUED and not job.held and not job.sent and not s.messages[j] and self.c.reaper and "resend" in self.rules:
            yield True, f"a reaper sends {name}", self.message(self.change(s, j, sent=True), j)
        if job.state == RUNNING and s.left[FAIL]:
            yield False, f"{name} fails: QUEUED again", self.change(self.spend(s, FAIL), j, state=QUEUED)
        if job.state == FINISHED and s.left[FORGET]:
            after = self.change(self.spend(s, FORGET), j, state=ABSENT, since=0, hold=0)
            yield False, f"{name} is forgotten", after

    # -- quiescence ----------------------------------------------------------------------------------------------------

    def quiet(self, s: State) -> bool:
        done = all(job.state in (ABSENT, FINISHED) for job in s.jobs) and not s.allowance.admitted
        return done and all(t.at == IDLE for t in s.threads) and not any(s.messages)

    def complaint(self, s: State) -> str:
        return ""

    def canonical(self, s: State) -> State:
        """Processes are alike; only the order of holds counts."""
        jobs = tuple(job._replace(sent=False) if job.state != QUEUED else job for job in s.jobs)
        if "hold" in self.rules and "unique" in self.rules and "record" in self.rules:
            jobs = tuple(Job(job.state) if job.state in (ABSENT, FINISHED) and not self.named(s, job) else job for job in jobs)
        s = s._replace(jobs=jobs)
        return s._replace(threads=tuple(sorted(s.threads, key=repr)))

    def named(self, s: State, job: Job) -> bool:
        used = {hold for hold, _ in s.allowance.admitted} | {t.hold for t in s.threads}
        used |= {hold for t in s.threads for hold, _ in t.read.admitted}
        return job.hold in used or any(t.view for t in s.threads)


ALL = (1, 1, 1, 1, 1, 0)
CONFIGS = [
    Config("one person, two jobs, all faults", faults=ALL),
    Config("two people, three jobs, a death", "aab", faults=(1, 0, 0, 0, 0, 0)),
    Config("two people, three jobs, a cancel", "aba", faults=(0, 1, 0, 0, 0, 0)),
    Config("two people, two places, a death", "aab", limits=((1, 2),), faults=(1, 0, 0, 0, 0, 0)),
    Config("one job, two deaths, forgotten", "a", faults=(2, 1, 1, 1, 1, 1)),
    Config("a window opens", "ab", limits=((0, 0), (1, 1)), faults=(1, 1, 0, 0, 0, 0)),
    Config("the limit is raised", "ab", limits=((1, 1), (2, 2)), faults=(1, 0, 0, 0, 0, 0)),
    Config("the limit is lowered", "aab", limits=((2, 2), (1, 1)), processes=1),
    Config("nobody dies and nobody reaps", "ab", faults=(0, 1, 1, 0, 1, 0), reaper=False, processes=3),
    Config("nobody dies and nobody reaps, three jobs", "aab", faults=(0, 1, 0, 0, 0, 0), reaper=False),
    Config("nobody dies and nobody reaps, two places", "aab", limits=((1, 2),), faults=(0, 1, 0, 0, 0, 0), reaper=False),
    Config("turns: two people, five jobs", "aabab", processes=1, reaper=False),
    Config("turns: three people, five jobs, two places", "abaca", limits=((2, 2),), processes=1, reaper=False),
]
WITHOUT = {  # rule -> the smallest configurations that need it
    "record": [Config("-", "a")],
    "cas": [Config("-")],
    "hold": [Config("-", "a", faults=(0, 0, 1, 0, 0, 0))],
    "unique": [Config("-", "a", faults=(1, 0, 0, 0, 0, 1))],
    "order": [Config("-", "a")],
    "sweep": [Config("-", "aa", faults=(1, 0, 0, 0, 0, 0))],
    "pass": [Config("-", "a", limits=((0, 0), (1, 1)), processes=1), Config("-", "a", faults=(1, 0, 0, 0, 0, 0), processes=1)],
    "unhold": [Config("-", "a", faults=(1, 0, 0, 0, 0, 0), processes=1)],
    "same": [Config("-", "a", faults=(0, 1, 1, 0, 0, 0))],
    "undo": [Config("-", "aa", faults=(0, 1, 0, 0, 0, 0), reaper=False)],
    "after": [Config("-", "aa", reaper=False)],
    "again": [Config("-", "a", faults=(0, 0, 1, 0, 0, 0), processes=1)],
    "claim": [Config("-", "a", faults=(0, 0, 1, 0, 1, 0), processes=1)],
    "keep": [Config("-", "a", faults=(0, 0, 0, 1, 0, 0), processes=1)],
    "resend": [Config("-", "a", faults=(1, 0, 0, 0, 0, 0), processes=1)],
    "fewest": [Config("-", "aaab", limits=((2, 2),), processes=1, reaper=False)],
    "turns": [Config("-", "aaab", processes=1, reaper=False)],
    "behind": [Config("-", "aab", processes=1, reaper=False)],
    "oldest": [Config("-", "aaa", processes=1, reaper=False)],
}
PROGRAM = Program(Holds, RULES, CONFIGS, WITHOUT)
if __name__ == "__main__":
    sys.exit(main(PROGRAM, sys.argv[1:]))
