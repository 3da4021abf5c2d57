"""Lists of events, and how they are shown: as a table, or as a trace for a browser."""

import json
import os

from .events import FunctionEventAvg, format_memory, format_time


class EventList(list):
    """Events, or their averages."""

    def __init__(self, events=(), profile_memory=False):
        super().__init__(events)
        self.profile_memory = profile_memory

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0):
        """The events of one name, or of one name and the same input shapes, added up."""
        found = {}
        for event in self:
            key = (event.key, str(event.input_shapes) if group_by_input_shape else "")
            if key not in found:
                found[key] = FunctionEventAvg(event.key)
                if group_by_input_shape:
                    found[key].input_shapes = event.input_shapes
            found[key].add(event)
        return EventList(found.values(), self.profile_memory)

    def total_average(self):
        """All events added up."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    @property
    def self_cpu_time_total(self):
        """The time of all events, none counted twice."""
        return sum(event.self_cpu_time_total for event in self)

    def __str__(self):
        return self.table()

    def table(
        self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55,
        max_shapes_column_width=80, header=None, top_level_events_only=False,
    ):  # fmt: skip
        """The events as text, the greatest first by `sort_by`, such as "self_cpu_time_total"."""
        rows = list(self)
        if top_level_events_only:
            rows = [row for row in rows if getattr(row, "cpu_parent", None) is None]
        if sort_by is not None:
            key = sort_by.replace("cuda", "device")
            if rows and not hasattr(rows[0], key):
                raise AttributeError(f"events have no {sort_by} to sort by")
            rows.sort(key=lambda row: getattr(row, key), reverse=True)
        columns = self._columns(rows, max_name_column_width, max_shapes_column_width)
        total = self.self_cpu_time_total
        texts = [
            [show(row, total) for _, show in columns] for row in rows[: max(row_limit, 0) or None]
        ]
        widths = [
            max([12, len(title), *(len(text[i]) for text in texts)]) + 2
            for i, (title, _) in enumerate(columns)
        ]
        line = "  ".join("-" * width for width in widths) + "  "
        shown = [header] if header else []
        shown += [line, _row([title for title, _ in columns], widths), line]
        shown += [_row(text, widths) for text in texts]
        shown += [line, f"Self CPU time total: {format_time(total)}", ""]
        return "\n".join(shown)

    def _columns(self, rows, name_width, shapes_width):
        """(title, function row, total -> text) of every column."""
        columns = [
            ("Name", lambda row, total: _cut(row.key, name_width)),
            ("Self CPU %", lambda row, total: _percent(row.self_cpu_time_total, total)),
            ("Self CPU", lambda row, total: row.self_cpu_time_total_str),
            ("CPU total %", lambda row, total: _percent(row.cpu_time_total, total)),
            ("CPU total", lambda row, total: row.cpu_time_total_str),
            ("CPU time avg", lambda row, total: row.cpu_time_str),
        ]
        if self.profile_memory:
            columns.append(("CPU Mem", lambda row, total: format_memory(row.cpu_memory_usage)))
            columns.append(
                ("Self CPU Mem", lambda row, total: format_memory(row.self_cpu_memory_usage))
            )
        columns.append(("# of Calls", lambda row, total: str(row.count)))
        if any(row.input_shapes for row in rows):
            columns.append(
                ("Input Shapes", lambda row, total: _cut(str(row.input_shapes), shapes_width))
            )
        return columns

    def export_chrome_trace(self, path):
        """Write the events as a trace that chrome://tracing and Perfetto read."""
        events = [
            {
                "name": event.name, "ph": "X", "cat": "cpu_op", "ts": event.start / 1000,
                "dur": event.cpu_time_total, "pid": os.getpid(), "tid": event.thread,
                "args": {"Input Dims": event.input_shapes} if event.input_shapes else {},
            }
            for event in self
        ]  # fmt: skip
        with open(path, "w") as file:
            json.dump({"schemaVersion": 1, "traceEvents": events}, file)


def _row(texts, widths):
    return "  ".join(text.rjust(width) for text, width in zip(texts, widths)) + "  "


def _cut(text, width):
    return text if width is None or len(text) <= width else text[: width - 3] + "..."


def _percent(part, total):
    return f"{100 * part / total:.2f}%" if total else "NaN"
