"""What a compiled function has become, as a page of text."""

from .compiled import CompiledFunction
from .program import TEMPORARY


def explain(function):
    """A report on a compiled function: each plan's guards, program before and after the passes,
    generated source, memory and time per instruction (`numbatorch.compiler.explain`)."""
    if not isinstance(function, CompiledFunction):
        function = function._compiled
    return Explanation(function)


class Explanation:
    """The report; `str()` is the page, `plans` the parts of it."""

    def __init__(self, function):
        self.name = getattr(function.function, "__qualname__", repr(function.function))
        self.breaks = [str(error) for error in function.breaks]
        self.plans = [PlanReport(plan, guards) for _, plan, guards in function.plans]

    def __str__(self):
        parts = [f"{self.name}: captured for {len(self.plans)} kinds of calls"]
        parts += [f"graph break: {error}" for error in self.breaks]
        parts += [str(plan) for plan in self.plans]
        return "\n\n".join(parts)

    __repr__ = __str__


class PlanReport:
    """One plan."""

    def __init__(self, plan, guards):
        self.guards = guards.source
        self.history = plan.history
        self.sources = [i.source for i in plan.program.instructions if i.source]
        buffers = {
            b for i in plan.program.instructions for launch in i.launches for b in launch.buffers
        }
        temporaries = [buffer for buffer in buffers if buffer.kind == TEMPORARY]
        self.arena_bytes = plan.replay.arena_bytes
        self.temporary_bytes = sum(buffer.nbytes for buffer in temporaries)

    def __str__(self):
        parts = [f"Guards\n{self.guards}"]
        parts += [f"Program, {name}\n{text}" for name, text in (self.history[0], self.history[-1])]
        parts += [f"Generated kernel\n{source}" for source in self.sources]
        parts.append(
            f"Memory: {self.arena_bytes} bytes hold {self.temporary_bytes} bytes of temporaries"
        )
        return "\n\n".join(parts)
