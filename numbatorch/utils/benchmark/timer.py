"""Timer: like `timeit`, with the median of several measurements."""

import statistics
import timeit

from ... import cpu_target, cuda
from ...profiler.events import format_time


class Measurement:
    """Times of blocks of `number_per_run` executions, in seconds."""

    def __init__(
        self,
        number_per_run,
        raw_times,
        stmt="",
        label=None,
        sub_label=None,
        description=None,
        num_threads=1,
    ):
        self.number_per_run, self.raw_times = number_per_run, raw_times
        self.stmt, self.label, self.sub_label = stmt, label, sub_label
        self.description, self.num_threads = description, num_threads

    @property
    def times(self):
        """Seconds of one execution, for each block."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def mean(self):
        return statistics.fmean(self.times)

    @property
    def median(self):
        return statistics.median(self.times)

    @property
    def iqr(self):
        """The range of the middle half."""
        if len(self.times) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.times, n=4, method="inclusive")
        return third - first

    def __repr__(self):
        title = self.label or self.stmt
        lines = [f"<{type(self).__module__}.Measurement object at {id(self):#x}>", title]
        lines += [text for text in (self.sub_label, self.description) if text]
        if len(self.times) > 1:
            lines.append(f"  Median: {format_time(self.median * 1e6)}")
            lines.append(f"  IQR:    {format_time(self.iqr * 1e6)}")
        else:
            lines.append(f"  {format_time(self.median * 1e6)}")
        lines.append(
            f"  {len(self.times)} measurement(s), {self.number_per_run} runs per measurement, "
            f"{self.num_threads} thread(s)"
        )
        return "\n".join(lines)


class Timer:
    """Runs a statement many times, on `num_threads` threads, and waits for devices."""

    def __init__(
        self, stmt="pass", setup="pass", global_setup="", timer=timeit.default_timer, globals=None,
        label=None, sub_label=None, description=None, env=None, num_threads=1, language="python",
    ):  # fmt: skip
        names = dict(globals or {})
        self._timer = timeit.Timer(stmt, setup, lambda: _now(timer), names)
        self._about = {
            "stmt": stmt,
            "label": label,
            "sub_label": sub_label,
            "description": description,
        }
        self._threads = num_threads

    def _measure(self, number, blocks):
        before = cpu_target.get_num_threads()
        cpu_target.set_num_threads(self._threads)
        try:
            times = [self._timer.timeit(number) for _ in range(blocks)]
        finally:
            cpu_target.set_num_threads(before)
        return Measurement(number, times, num_threads=self._threads, **self._about)

    def timeit(self, number=1_000_000):
        """One block of `number` executions, after a few that do not count."""
        self._measure(max(number // 100, 2), 1)
        return self._measure(number, 1)

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Blocks long enough to measure, until `min_run_time` seconds have passed."""
        number = 1
        while True:
            spent = self._measure(number, 1).raw_times[0]
            if spent >= min_run_time / 1000 or number >= 1 << 30:
                break
            number *= 10
        times = []
        while sum(times) < min_run_time:
            times += self._measure(number, 1).raw_times
        return Measurement(number, times, num_threads=self._threads, **self._about)

    def adaptive_autorange(
        self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None
    ):
        """Blocks until their range is small beside their median."""
        found = self.blocked_autorange(min_run_time=min_run_time)
        while found.iqr > threshold * found.median and sum(found.raw_times) < max_run_time:
            more = self.blocked_autorange(min_run_time=min_run_time)
            found.raw_times += more.raw_times
        return found


def _now(timer):
    if cuda.is_available():
        cuda.synchronize()
    return timer()
