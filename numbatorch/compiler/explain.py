"""What a compiled function has become: a page of text, and drawings."""

from .program import TEMPORARY


def explain(compiled, *args, **kwargs):
    """A report on a compiled function or module (`print` it): its graph breaks, and for each kind of
    call the guards, the program before and after the passes, the generated kernels, the memory.

    Given the arguments of a call, it makes that call once more, and times each instruction.
    """
    return Explanation(getattr(compiled, "_compiled", compiled), args, kwargs)


class Explanation:
    """The report; `plans` holds one part for each kind of call."""

    def __init__(self, compiled, args, kwargs):
        self.name = getattr(compiled.function, "__qualname__", type(compiled.function).__name__)
        self.breaks = [str(error) for error in compiled.breaks]
        self.plans = [PlanReport(plan, guards) for _, plan, guards in compiled.plans]
        if args or kwargs:
            for (check, plan, _), report in zip(compiled.plans, self.plans):
                if check(args, kwargs) and plan.accepts():
                    plan.timed(args, kwargs, report.seconds)
                    break

    def __str__(self):
        kinds = f"{len(self.plans)} kind{'s' * (len(self.plans) != 1)} of call"
        parts = [f"{self.name}: captured for {kinds}"]
        parts += [f"graph break: {error}" for error in self.breaks]
        return "\n\n".join([*parts, *map(str, self.plans)])

    __repr__ = __str__


class PlanReport:
    """One kind of call. `before` and `after` are drawings of the program."""

    def __init__(self, plan, guards):
        self.guards = guards.source
        self.passes = [(name, text) for name, text, _ in plan.history]
        self.before, self.after = plan.history[0][2], plan.history[-1][2]
        self.instructions = plan.program.instructions
        self.sources = list(dict.fromkeys(i.source for i in self.instructions if i.source))
        launches = [launch for i in self.instructions for launch in i.launches]
        self.launches = len(launches)
        temporaries = {b for launch in launches for b in launch.buffers if b.kind == TEMPORARY}
        self.temporary_bytes = sum(buffer.nbytes for buffer in temporaries)
        self.arena_bytes = plan.replay.arena_bytes
        #: Seconds of each instruction in one call, where one was made.
        self.seconds = []

    def __str__(self):
        parts = [_section("Guards: when this program is right", self.guards)]
        parts.append(_section("Program as captured", self.passes[0][1]))
        names = ", ".join(name for name, _ in self.passes[1:])
        parts.append(_section(f"Program after {names}", self._listing()))
        parts += [_section("Generated kernel", source.rstrip()) for source in self.sources]
        parts.append(
            f"{self.launches} kernel launches in one native call; {self.temporary_bytes} bytes of "
            f"temporaries share {self.arena_bytes}."
        )
        return "\n\n".join(parts)

    def _listing(self):
        if not self.seconds:
            return self.passes[-1][1]
        pairs = zip(self.seconds, self.instructions)
        return "\n".join(f"{seconds * 1e6:9.1f} us  {step!r}" for seconds, step in pairs)


def _section(title, text):
    return f"{title}\n{'-' * len(title)}\n{text}"
