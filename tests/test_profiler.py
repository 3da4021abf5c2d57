"""The profiler: what it counts, its table and its schedule."""

import json

import pytest

import numbatorch as torch
from numbatorch.profiler import ProfilerAction, profile, record_function, schedule


def work():
    x = torch.ones(8, 8, requires_grad=True)
    return (x @ x).relu().sum().backward()


def test_counts_times_and_shapes():
    work()
    with profile(record_shapes=True, profile_memory=True) as found, record_function("region"):
        work()
    rows = {row.key: row for row in found.key_averages()}
    assert rows["aten::mm"].count == 3 and rows["aten::relu"].count == 1
    assert rows["aten::mm"].cpu_time_total > 0 and rows["region"].count == 1
    inside = sum(row.self_cpu_time_total for row in rows.values())
    assert rows["region"].cpu_time_total == pytest.approx(inside)
    by_shape = found.key_averages(group_by_input_shape=True)
    shapes = [row.input_shapes for row in by_shape if row.key == "aten::mm"]
    assert shapes == [[[8, 8], [8, 8]]]
    assert rows["aten::relu"].cpu_memory_usage == 8 * 8 * 4
    before = len(found.events())
    work()
    assert len(found.events()) == before


def test_table_is_sorted_and_limited(tmp_path):
    with profile() as found:
        work()
    lines = found.key_averages().table(sort_by="self_cpu_time_total", row_limit=2).splitlines()
    assert "Self CPU %" in lines[1] and "# of Calls" in lines[1]
    assert len(lines) == 3 + 2 + 2 and lines[-1].startswith("Self CPU time total: ")
    found.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"aten::mm", "aten::relu"} <= {event["name"] for event in events}


def test_schedule():
    actions = [schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)(i) for i in range(6)]
    none, warmup = ProfilerAction.NONE, ProfilerAction.WARMUP
    record, save = ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE
    assert actions == [none, none, warmup, record, save, none]
    traces = []
    with profile(
        schedule=schedule(wait=1, warmup=1, active=2, repeat=2),
        on_trace_ready=lambda p: traces.append(sum(e.name == "aten::relu" for e in p.events())),
    ) as p:
        for _ in range(10):
            work()
            p.step()
    assert traces == [2, 2]


def test_older_profiler_and_errors():
    with torch.autograd.profiler.profile(use_cuda=False) as found:
        torch.ones(2).exp()
    assert "aten::exp" in found.key_averages().table()
    with torch.autograd.profiler.profile(enabled=False) as found:
        torch.ones(2).exp()
    assert found.function_events is None
    with pytest.raises(ZeroDivisionError), profile():
        1 / 0  # noqa: B018  it raises
    with profile():
        pass
