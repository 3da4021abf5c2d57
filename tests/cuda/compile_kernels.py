"""Compile every CUDA kernel to PTX and assemble it, on a machine that needs no GPU and no driver.

    python tests/cuda/compile_kernels.py [--match NAME | --hot] [--all] [--report FILE]

The op table runs on a device that only takes notes: what would be launched, with which types. Each
of these kernels is then compiled with NVVM and assembled with ptxas for the architectures below.
It prints registers, shared memory and spills of each and fails where a kernel does not compile,
where it spills without an explanation, or where a float32 elementwise kernel computes in float64 or
goes through dense operands by less than 16 bytes. CUDA_HOME tells where the toolkit is; without one
there is nothing to do, and it says so.

An elementwise formula is compiled in float32 and in one more dtype, and the strided form of a
template once for each combination of dtypes; --all compiles every formula in every dtype and form.
--hot compiles only what training spends its time in.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ARCHITECTURES = ("sm_75", "sm_80", "sm_90")
#: PTX for the oldest of them, which the newer ones take as well.
CAPABILITY = (7, 5)
DTYPES = "float32,float64,float16,bfloat16,int64,int32,int16,int8,uint8,bool,complex64,complex128"

ROOT = Path(__file__).resolve().parents[2]


def find_toolkit():
    """The toolkit's folder, which holds ptxas and NVVM, or None."""
    candidates = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    ptxas = shutil.which("ptxas")
    if ptxas:
        candidates.append(str(Path(ptxas).resolve().parents[1]))
    for folder in filter(None, candidates):
        if (Path(folder) / "bin" / "ptxas").exists() and (Path(folder) / "nvvm").is_dir():
            return folder
    return None


# Taking notes -----------------------------------------------------------------------------------


def prepare(toolkit):
    """Import numba.cuda so that it compiles with no driver, and let launches be noted only."""
    capability = ".".join(map(str, CAPABILITY))
    os.environ.update(CUDA_HOME=toolkit, NUMBA_FORCE_CUDA_CC=capability)
    os.environ.pop("NUMBA_ENABLE_CUDASIM", None)
    os.environ["NUMBATORCH_TEST_DEVICE"] = "cuda"
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from numbatorch import cuda_memory, cuda_target  # noqa: I001  first, it finds numba-cuda

    from numbatorch.cuda_simulated_driver import SimulatedDriver
    from numbatorch.cuda_simulator import SimulatedMemory

    import numba.cuda.cuda_paths as paths
    import numba.cuda.dispatcher as dispatcher

    paths._get_nvrtc_path = lambda: None  # NVVM alone makes PTX
    dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=CAPABILITY)
    cuda_memory.is_available = cuda_target.is_available = lambda: True
    driver = SimulatedDriver()
    cuda_target.driver = lambda: driver
    cuda_target._most_blocks = lambda index: 1
    cuda_target.resident_threads = lambda index: 1 << 16
    cuda_target.array_at = lambda address, nbytes, index: SimulatedMemory(
        driver.bytes_at(address, nbytes), index
    )
    from numbatorch.cuda_kernels import indexing, loss

    for module in (indexing, loss):  # nothing computes, so nobody knows what is bad data
        module.judge = lambda words, verdict: None
    notes = {}

    def launch(kernel, blocks, threads, *arguments):
        notes.setdefault((kernel, signature(arguments)), None)

    cuda_target.Kernel.launch = launch
    return notes


def signature(arguments):
    """The Numba types of a launch's arguments."""
    from numba import types as nb

    return nb.void(*map(numba_type, arguments))


def numba_type(argument):
    import numba
    from numba import types as nb
    from numba.np.numpy_support import from_dtype

    from numbatorch.cuda_simulator import SimulatedMemory

    if isinstance(argument, SimulatedMemory):
        return nb.Array(from_dtype(argument.dtype), 1, "C")
    if isinstance(argument, tuple):
        return nb.BaseTuple.from_types([numba_type(member) for member in argument])
    return numba.typeof(argument)


def note_hot_launches(dtype_names):
    """Run what training spends its time in, in each dtype; ([], 0) as note_launches."""
    import numbatorch as torch

    for name in dtype_names:
        dtype = getattr(torch, name)
        for call in [*large_calls(torch, dtype), *hot_calls(torch, dtype)]:
            call()
    return [], 0


def note_launches(dtype_names, match):
    """Run the op table, with gradients, in each dtype.

    Returns (what failed, how many rows went no further: for their dtype, or for the values, which
    are not computed here).
    """
    import op_table

    import numbatorch as torch

    failures, unsupported = [], 0
    for name in dtype_names:
        dtype = getattr(torch, name)
        for call in () if match else [*random_draws(torch, dtype), *large_calls(torch, dtype)]:
            try:
                call()
            except (NotImplementedError, RuntimeError):  # the op is not for the dtype
                unsupported += 1
        maker = typed_maker(getattr(torch, name))
        for row, function, generate in op_table.rows():
            if match and match not in row:
                continue
            try:
                for sample in list(generate(maker())):
                    run(torch, function, sample, orders=2 if name == "float32" else 1)
            except (AttributeError, ImportError) as error:
                if type(error).__name__ == "CudaSupportError":  # a value was asked of the device
                    unsupported += 1
                    continue
                failures.append(f"{row} in {name}: {type(error).__name__}: {error}")
            except Exception:  # noqa: BLE001  the dtype, or the values, which nothing computed here
                unsupported += 1
    return failures, unsupported


def random_draws(torch, dtype):
    """Calls that draw random numbers of a dtype on the device: the op table has few of them."""
    x = torch.empty(4, dtype=dtype, device="cuda")
    rate = torch.ones(4, dtype=dtype, device="cuda")
    return [
        lambda: x.uniform_(),
        lambda: x.normal_(),
        lambda: x.log_normal_(),
        lambda: x.exponential_(),
        lambda: x.cauchy_(),
        lambda: x.geometric_(0.5),
        lambda: x.bernoulli_(0.5),
        lambda: x.random_(),
        lambda: x.random_(0, 2),
        lambda: torch.nn.functional.dropout(rate),
        lambda: torch.nn.functional.rrelu(rate, training=True),
        lambda: torch.bernoulli(rate),
        lambda: torch.poisson(rate),
        lambda: torch._standard_gamma(rate),
        lambda: torch.binomial(rate, rate),
        lambda: torch.multinomial(rate, 2, replacement=True),
        lambda: torch.randperm(4, dtype=dtype, device="cuda"),
    ]


def large_calls(torch, dtype):
    """Calls of sizes that get kernels of their own; the op table is of small ones."""

    def empty(*shape):
        return torch.empty(*shape, dtype=dtype, device="cuda")

    def attention():
        leaves = [empty(1, 2, 5, 128).requires_grad_() for _ in range(3)]
        torch.nn.functional.scaled_dot_product_attention(*leaves).sum().backward()

    def convolution(*spatial):
        leaves = [empty(2, 16, *spatial).requires_grad_(), empty(128, 16, 3, 3).requires_grad_()]
        torch.nn.functional.conv2d(*leaves, padding=1).sum().backward()

    return [
        lambda: convolution(4, 4),
        lambda: convolution(64, 128),
        lambda: empty(32 * 128, 8) @ empty(8, 128),
        lambda: torch.addmm(empty(128), empty(32 * 128, 8), empty(8, 128)),
        attention,
    ]


def hot_calls(torch, dtype):
    """Calls of the kernels beside products, convolutions and attention that training is made of."""
    nn = torch.nn

    def leaf(*shape):
        return torch.empty(*shape, dtype=dtype, device="cuda", requires_grad=True)

    def layer(kind, *sizes):
        return kind(*sizes, dtype=dtype, device="cuda")

    def losses():
        target = torch.zeros(64, dtype=torch.int64, device="cuda")
        nn.functional.cross_entropy(leaf(64, 1000), target).backward()

    def optimizers():
        parameters = [leaf(64, 64)]
        parameters[0].grad = torch.empty_like(parameters[0])
        torch.optim.AdamW(parameters).step()
        torch.optim.SGD(parameters, momentum=0.9).step()

    return [
        lambda: (leaf(1 << 12) + leaf(1 << 12)).sum().backward(),
        lambda: nn.functional.gelu(leaf(1 << 12)).sum().backward(),
        lambda: leaf(64, 1000).sum(1).sum().backward(),
        lambda: leaf(64, 1000).softmax(1).sum().backward(),
        lambda: layer(nn.LayerNorm, 1000)(leaf(64, 1000)).sum().backward(),
        lambda: layer(nn.BatchNorm2d, 16)(leaf(4, 16, 8, 8)).sum().backward(),
        lambda: layer(nn.LSTM, 8, 16)(leaf(5, 4, 8))[0].sum().backward(),
        lambda: layer(nn.GRU, 8, 16)(leaf(5, 4, 8))[0].sum().backward(),
        losses,
        optimizers,
    ]


def typed_maker(dtype):
    """A Maker that makes leaves of `dtype` where the sample does not ask for another."""
    import op_table

    class TypedMaker(op_table.Maker):
        def __call__(self, *shape, dtype=dtype, **bounds):
            return super().__call__(*shape, dtype=dtype, **bounds)

    return TypedMaker


def run(torch, function, sample, orders):
    """Call a function and differentiate it so many times."""
    import op_table

    inputs = op_table.leaves(sample)
    outputs = op_table.call_with(function, sample, inputs)
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    for _ in range(1 if getattr(function, "first_order_only", False) else orders):
        outputs = [y for y in outputs if isinstance(y, torch.Tensor) and y.requires_grad]
        inputs = [x for x in inputs if x.requires_grad]
        if not outputs or not inputs:
            return
        seeds = [torch.ones_like(y) for y in outputs]
        outputs = torch.autograd.grad(outputs, inputs, seeds, create_graph=True, allow_unused=True)


def select(notes):
    """The notes worth compiling where time matters (see above)."""
    seen, chosen = set(), []
    for kernel, types_ in sorted(notes, key=_order):
        if not is_elementwise(kernel):
            chosen.append((kernel, types_))
            continue
        dtypes_ = element_types(types_)
        if is_strided(kernel):
            kind = kernel.function.__name__, *dtypes_
        else:
            kind = formula_of(kernel), set(dtypes_) == {"float32"}
        if kind not in seen:
            seen.add(kind)
            chosen.append((kernel, types_))
    return chosen


def is_elementwise(kernel):
    return kernel.function.__module__.endswith(".elementwise")


def is_strided(kernel):
    """Whether an elementwise kernel takes one element at a time."""
    return kernel.function.__name__.startswith("strided_")


def element_types(types_):
    """The names of the element types of a launch's arrays."""
    from numba import types as nb

    return [str(t.dtype) for t in types_.args if isinstance(t, nb.Array)]


def rank_of(types_):
    """The length of the longest tuple: the rank and one."""
    from numba import types as nb

    return max([len(t) for t in types_.args if isinstance(t, nb.BaseTuple)], default=0)


def formula_of(kernel):
    """The formula of an elementwise kernel."""
    names = kernel.function.__code__.co_freevars
    return kernel.function.__closure__[names.index("formula")].cell_contents


def formulas_of(kernel):
    """The names of the formulas that a kernel closes over, in the order of their variables."""
    contents = [cell.cell_contents for cell in kernel.function.__closure__ or ()]
    return [item.__name__ for item in contents if callable(item) and hasattr(item, "__name__")]


# Compiling --------------------------------------------------------------------------------------


def compile_to_ptx(kernel, types_):
    """The PTX of a kernel."""
    from numba import cuda

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cuda.compile_ptx(kernel.function, types_, cc=CAPABILITY)[0]


def assemble(ptxas, ptx, architecture):
    """(what is wrong or None, registers, bytes of shared memory, bytes spilled)."""
    command = [ptxas, "-c", "-v", f"-arch={architecture}", "-", "-o", os.devnull]
    done = subprocess.run(command, input=ptx, text=True, capture_output=True)
    if done.returncode:
        return done.stderr.strip()[-2000:], 0, 0, 0
    entry = done.stderr
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill", entry)))
    registers = max(map(int, re.findall(r"Used (\d+) registers", entry)), default=0)
    shared = sum(map(int, re.findall(r"\.shared .*\[(\d+)\];$", ptx, re.MULTILINE)))
    return None, registers, shared, spilled


def refused_by_the_cpu(kernel, types_):
    """Whether an elementwise formula is not for complex numbers on the CPU either."""
    from numba.core.errors import NumbaError

    from numbatorch.cuda_simulator import compiled

    if not is_elementwise(kernel) or not element_types(types_)[-1].startswith("complex"):
        return False
    operands = [1j] * (len(element_types(types_)) - 1)
    try:
        compiled(formula_of(kernel))(*operands, *[1.0] * len(types_.args[-1]))
    except NumbaError:
        return True
    return False


#: An instruction that computes in float64, conversions included.
_DOUBLE = re.compile(r"^\s+\w+[\w.]*\.f64\b", re.MULTILINE)


#: Formulas with float64 on purpose: log10 is rounded from it, and CUDA's own trigonometric functions
#: reduce very large angles in it.
_IN_DOUBLE = {"log10", "sin", "cos", "tan", "sinc", "digamma"}


#: Formulas with tables for very large angles, or so long that a run is a loop: local memory has its place.
_IN_LOCAL_MEMORY = {
    "sin", "cos", "tan", "sinc", "digamma", "polygamma", "real_zeta", "gammainc", "gammaincc",
    "log_ndtr", "ndtri",
}  # fmt: skip

#: Formulas and kernels that may spill so many bytes. lgamma is a function of its own there, and registers
#: are saved around it. Attention with 128 columns a block spills 104 to 112 bytes a thread on sm_75 and
#: sm_80, none on sm_90; with 64 columns none.
_SPILLS_EXPLAINED = {"poisson": 1 << 16, "attention.attention_kernel": 128}


def is_explained(label, spilled):
    """Whether a kernel may spill so much."""
    return any(spilled <= _SPILLS_EXPLAINED.get(word, 0) for word in label.split())


def widened(kernel, types_, ptx):
    """The first float64 instruction of an elementwise kernel that was given no float64."""
    names = set(element_types(types_))
    if not is_elementwise(kernel) or "float32" not in names or names & {"float64", "complex128"}:
        return None
    if formula_of(kernel).__name__ in _IN_DOUBLE:
        return None
    found = _DOUBLE.search(ptx)
    return found and found.group().strip()


def lacks_runs(kernel, types_, ptx):
    """Whether a kernel of dense float32 operands does not read and write 16 bytes at a time, from
    registers."""
    if (
        not is_elementwise(kernel)
        or is_strided(kernel)
        or set(element_types(types_)) != {"float32"}
    ):
        return False
    written, local = re.search(r"st\.global\.v4", ptx), re.search(r"(ld|st)\.local", ptx)
    return not written or (local and formula_of(kernel).__name__ not in _IN_LOCAL_MEMORY)


def describe(kernel, types_):
    """A line that tells one specialisation from the others."""
    module = kernel.function.__module__.rpartition(".")[2]
    return (
        f"{module}.{kernel.function.__name__} [{' '.join(formulas_of(kernel))}] "
        f"{','.join(element_types(types_))} /{rank_of(types_)}"
    )


def main():
    """Note, compile, assemble, report; the exit status says whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--match", default="", help="only rows of the op table with this in the name"
    )
    parser.add_argument("--dtypes", default=DTYPES, help="separated by commas")
    parser.add_argument("--all", action="store_true", help="every formula in every dtype and form")
    parser.add_argument("--hot", action="store_true", help="only what training is made of")
    parser.add_argument("--report", help="write the table of kernels to this file")
    options = parser.parse_args()
    toolkit = find_toolkit()
    if toolkit is None:
        print("skipped: no CUDA toolkit here (ptxas and NVVM); set CUDA_HOME to its folder")
        return 0
    began = time.perf_counter()
    notes = prepare(toolkit)
    dtypes = options.dtypes.split(",")
    note = note_hot_launches(dtypes) if options.hot else note_launches(dtypes, options.match)
    failures, unsupported = note
    print(f"{len(notes)} kernels noted in {time.perf_counter() - began:.0f} s", flush=True)
    chosen = sorted(notes, key=_order) if options.all or options.hot else select(notes)
    wrong, lines = check_all(str(Path(toolkit) / "bin" / "ptxas"), chosen)
    failures += wrong
    if options.report:
        Path(options.report).write_text("\n".join(lines) + "\n")
    print("\n".join(failures))
    print(
        f"{len(chosen)} kernels, {len(failures)} failures, {len(ARCHITECTURES)} architectures, "
        f"{unsupported} rows not run to the end for their dtype or values, "
        f"{time.perf_counter() - began:.0f} s"
    )
    return 1 if failures or not notes else 0


def _order(note):
    return describe(*note)


def check_all(ptxas, notes):
    """(failures, one line a kernel and architecture)."""
    failures, lines, waiting = [], [], []
    with ThreadPoolExecutor(2) as pool:
        for kernel, types_ in notes:
            label = describe(kernel, types_)
            try:
                ptx = compile_to_ptx(kernel, types_)
            except Exception as error:  # noqa: BLE001  reported, and the others go on
                if not refused_by_the_cpu(kernel, types_):
                    failures.append(f"{label}: {type(error).__name__}: {str(error)[:1500]}")
                continue
            double = widened(kernel, types_, ptx)
            if double:
                failures.append(f"{label}: float64 in a float32 kernel: {double}")
            if lacks_runs(kernel, types_, ptx):
                failures.append(f"{label}: not in runs of 16 bytes from registers")
            for architecture in ARCHITECTURES:
                waiting.append(
                    (label, architecture, pool.submit(assemble, ptxas, ptx, architecture))
                )
        for label, architecture, future in waiting:
            wrong, registers, shared, spilled = future.result()
            lines.append(
                f"{architecture} {registers:4} registers {shared:6} shared {spilled:5} spilled  {label}"
            )
            if wrong or not is_explained(label, spilled):
                failures.append(f"{label} on {architecture}: {wrong or f'{spilled} bytes spilled'}")
    return failures, lines


if __name__ == "__main__":
    sys.exit(main())
