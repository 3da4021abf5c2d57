"""Modules of PyTorch that need hardware, processes or a compiler: what they do without."""

import subprocess
import sys

import pytest

import numbatorch as torch
from numbatorch import distributed


@pytest.fixture
def world():
    distributed.init_process_group("gloo", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_before_a_group_is_started():
    assert distributed.is_available() and not distributed.is_initialized()
    with pytest.raises(ValueError, match="has not been initialized"):
        distributed.get_rank()
    with pytest.raises(ValueError, match="RANK expected"):
        distributed.init_process_group("gloo")
    with pytest.raises(RuntimeError, match="one process"):
        distributed.init_process_group("gloo", rank=0, world_size=2)


def test_collectives_of_one(world):
    x = torch.tensor([1.0, 2.0])
    distributed.all_reduce(x, op=distributed.ReduceOp.SUM)
    assert x.tolist() == [1.0, 2.0] and distributed.get_world_size() == 1
    parts = [torch.zeros(2)]
    assert distributed.all_gather(parts, x, async_op=True).wait()
    assert parts[0].tolist() == [1.0, 2.0]
    objects = [None]
    distributed.all_gather_object(objects, {"a": 1})
    assert objects == [{"a": 1}]
    sampler = torch.utils.data.distributed.DistributedSampler(range(4), shuffle=False)
    assert list(sampler) == [0, 1, 2, 3]
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
    model(x).sum().backward()
    assert model.module.weight.grad.tolist() == [[1.0, 2.0]]
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(ValueError, match="rank"):
        distributed.broadcast(x, src=1)


def test_collectives_with_gradients(world):
    collectives = distributed.nn.functional
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    out = torch.zeros(2)
    results = [
        collectives.all_reduce(x, distributed.ReduceOp.AVG), collectives.all_gather(x)[0],
        collectives.broadcast(x, 0), collectives.gather(x)[0], collectives.reduce(x, 0),
        collectives.scatter([x], 0), collectives.reduce_scatter(out, [x]),
        collectives.all_to_all([torch.zeros(2)], [x])[0],
        collectives.all_to_all_single(torch.zeros(2), x),
    ]  # fmt: skip
    assert results[6] is out
    for result in results:
        assert result is not x and result.tolist() == [1.0, 2.0]
        (grad,) = torch.autograd.grad(result, x, torch.tensor([3.0, 4.0]))
        assert grad.tolist() == [3.0, 4.0]
    with pytest.raises(ValueError, match="rank"):
        collectives.broadcast(x, 1)


def test_what_the_compiler_is_told():
    compiler = torch.compiler

    @compiler.assume_constant_result
    @compiler.nested_compile_region
    @compiler.allow_in_graph
    def double(x):
        return 2 * x

    step = compiler.substitute_in_graph(len)(torch.compile(lambda x: double(x) + 1))
    for _ in range(3):
        compiler.cudagraph_mark_step_begin()
        assert step(torch.ones(2)).tolist() == [3.0, 3.0]
    assert compiler.list_backends() == ["numba"]
    assert not compiler.is_dynamo_compiling() and not compiler.is_exporting()


def test_jit_runs_eagerly():
    @torch.jit.script
    def double(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    assert double(torch.ones(2)).tolist() == [2.0, 2.0]
    model = torch.nn.Linear(2, 1)
    scripted = torch.jit.script(model)
    assert isinstance(scripted, torch.jit.ScriptModule) and isinstance(scripted, torch.nn.Linear)
    assert scripted.weight is model.weight and not isinstance(model, torch.jit.ScriptModule)
    traced = torch.jit.trace(model, torch.ones(3, 2))
    assert traced(torch.ones(3, 2)).shape == (3, 1)
    for refused in (scripted.save, torch.jit.load, double.save):
        with pytest.raises(NotImplementedError, match="TorchScript"):
            refused("model.pt")


def test_onnx_and_extensions_say_what_is_missing():
    with pytest.raises(NotImplementedError, match="ONNX"):
        torch.onnx.export(torch.nn.Linear(1, 1), torch.ones(1), "x.onnx")
    with pytest.raises(RuntimeError, match=r"C\+\+"):
        torch.utils.cpp_extension.load("x", ["x.cpp"])


def test_hub_from_folders_and_files(tmp_path, monkeypatch):
    (tmp_path / "helper.py").write_text("SIZE = 3")
    (tmp_path / "hubconf.py").write_text(
        "import torch\nfrom helper import SIZE\ndependencies = ['torch']\n"
        "def small(bias=True):\n    'A small one.'\n    return torch.nn.Linear(SIZE, 1, bias=bias)\n"
    )
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.save({"w": torch.ones(2)}, folder / "model-12.pth")
    program = f"""
import torch
hub = torch.hub
hub.set_dir({str(tmp_path / "cache")!r})
print(hub.list({str(tmp_path)!r}), hub.help({str(tmp_path)!r}, "small"))
print(hub.load({str(tmp_path)!r}, "small", source="local", bias=False))
url = "file://{folder}/model-12.pth"
print(hub.load_state_dict_from_url(url, progress=False))
try:
    hub.load("nobody/nothing", "small")
except RuntimeError as error:
    print("clone the repository" in str(error))
"""
    (tmp_path / "program.py").write_text(program)
    run = subprocess.run(
        [sys.executable, "-m", "numbatorch", str(tmp_path / "program.py")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.stdout.splitlines() == [
        "['small'] A small one.",
        "Linear(in_features=3, out_features=1, bias=False)",
        "{'w': tensor([1., 1.])}",
        "True",
    ], run.stderr


def test_versions_compare():
    version = torch.__version__
    assert version >= "2.0" and version > (1, 13) and version < "3" and not version < "2.13"
    assert version.split(".")[0] == "2" and torch.version.cuda is None


def test_settings_are_kept():
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    with pytest.raises(RuntimeError, match="highest"):
        torch.set_float32_matmul_precision("low")
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(True)
    assert torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    with pytest.warns(UserWarning, match="deprecated"):
        torch.set_default_tensor_type("torch.DoubleTensor")
    assert torch.ones(1).dtype is torch.float64
    torch.set_default_dtype(torch.float32)
    with torch.device("cpu"):
        assert torch.ones(1).device.type == "cpu"
    torch.set_default_device("cpu")
    assert torch.get_default_device() == torch.device("cpu")
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError), torch.device("cuda"):
            torch.ones(1)
        assert torch.accelerator.current_accelerator() is None


def test_old_tensor_types():
    x = torch.ones(2, dtype=torch.float64)
    assert x.new(2, 3).dtype is torch.float64 and x.new([1, 2]).tolist() == [1.0, 2.0]
    assert isinstance(x, torch.autograd.Variable) and not isinstance(3, torch.autograd.Variable)
    assert not isinstance(x, torch.cuda.DoubleTensor) and isinstance(x, torch.DoubleTensor)
    assert torch.FloatStorage([1, 2]).tolist() == [1.0, 2.0]
    assert torch.ByteStorage.from_buffer(b"ab").tolist() == [97, 98]
    assert torch.typename(x) == "torch.DoubleTensor"
    assert repr(torch.channels_last) == "torch.channels_last"
    assert isinstance(torch.strided, torch.layout) and x.layout is torch.strided


def test_custom_ops():
    @torch.library.custom_op("mine::square", mutates_args=())
    def square(x: torch.Tensor) -> torch.Tensor:
        return x * x

    def setup(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    square.register_autograd(lambda ctx, grad: grad * 2 * ctx.saved_tensors[0], setup_context=setup)
    x = torch.tensor([3.0], requires_grad=True)
    square(x).sum().backward()
    assert x.grad.item() == 6.0
    with pytest.raises(RuntimeError, match="there is no op"):
        torch.library.register_fake("mine::nothing")


def test_futures():
    future = torch.futures.Future()
    doubled = future.then(lambda f: f.wait() * 2)
    everything = torch.futures.collect_all([future, doubled])
    assert not future.done()
    future.set_result(4)
    assert doubled.wait() == 8 and torch.futures.wait_all(everything.wait()) == [4, 8]
    failing = torch.futures.Future()
    failing.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        failing.wait()


def test_trees():
    pytree = torch.utils._pytree
    tree = {"a": [1, (2, 3)], "b": 4}
    leaves, spec = pytree.tree_flatten(tree)
    assert leaves == [1, 2, 3, 4] and pytree.tree_unflatten(leaves, spec) == tree
    assert pytree.tree_map(lambda a, b: a + b, tree, tree) == {"a": [2, (4, 6)], "b": 8}
    with pytest.raises(ValueError, match="mismatch"):
        pytree.tree_map(lambda a, b: a, tree, [1])


def test_timer():
    timer = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(2)})
    found = timer.timeit(10)
    assert found.mean > 0 and "runs per measurement" in repr(found)
    assert len(timer.blocked_autorange(min_run_time=0.01).times) >= 1
