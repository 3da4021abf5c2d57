"""Work that is noted once and then launched as a whole (`torch.cuda.CUDAGraph`).

Replaying costs one call, whatever number of kernels there are. What is noted are addresses: inputs
are changed in place before a replay, and results lie in the same tensors each time.
"""

import gc

from .. import cuda_memory, cuda_streams
from ..cuda_allocator import Pool
from .streams import Stream, StreamContext, current_stream, is_current_stream_capturing, synchronize


def graph_pool_handle():
    """A pool of memory that several graphs may share, if they are never replayed side by side."""
    return Pool()


def _driver():
    return cuda_memory.target().driver()


class CUDAGraph:
    """A sequence of work on a device, captured between `capture_begin` and `capture_end`."""

    def __init__(self, keep_graph=False):
        self._keep_graph = keep_graph
        self._capture = self._stream = self._graph = self._executable = self._pool = None

    def capture_begin(self, pool=None, capture_error_mode="global", check_input_liveness=False):
        """Note the work of the current stream from now on, which is not done meanwhile."""
        stream = current_stream()
        if self._capture is not None:
            raise RuntimeError("This CUDAGraph instance already owns a captured graph.")
        if stream.cuda_stream == 0:
            raise RuntimeError(
                "CUDA graphs must be captured on a non-default stream. (However, after capture, "
                "it's ok to replay them on the default stream.)"
            )
        self._pool = Pool() if pool is None else pool
        self._pool.graphs += 1
        capture = cuda_streams.Capture(stream.device_index, self._pool)
        self._capture, self._stream = capture, stream
        _driver().begin_capture(stream.device_index, stream.cuda_stream, capture_error_mode)
        cuda_streams.begin_capture(stream.device_index, stream.cuda_stream, capture)

    def capture_end(self):
        """Make what was noted ready for `replay`."""
        if self._capture is None:
            raise RuntimeError("capture_end() was called without capture_begin()")
        cuda_streams.end_capture(self._capture)
        index, stream = self._stream.device_index, self._stream.cuda_stream
        try:
            self._graph = _driver().end_capture(index, stream)
        except RuntimeError:
            self.reset()
            raise
        if not self._keep_graph:
            self.instantiate()

    def instantiate(self):
        """Make the captured graph ready for `replay`, again if it was changed meanwhile."""
        if self._executable is not None:
            _driver().destroy_executable(self._executable)
        self._executable = _driver().instantiate(self._capture.index, self._graph)

    def replay(self):
        """Queue all of the work on the current stream; random numbers go on from where they are."""
        if self._graph is None:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        if self._executable is None:
            self.instantiate()
        for state in self._capture.generators.values():
            state.advance()
        index = self._capture.index
        _driver().replay(index, self._executable, cuda_streams.current(index))
        cuda_streams.add_checks(index, self._capture.checks)

    def reset(self):
        """Forget the graph; its memory goes back to the device once nothing else is in it."""
        if self._executable is not None:
            _driver().destroy_executable(self._executable)
        if self._graph is not None:
            _driver().destroy_graph(self._graph)
        if self._pool is not None:
            self._pool.graphs -= 1
        self._capture = self._graph = self._executable = self._pool = None

    def pool(self):
        """The memory of this graph, for other graphs to share."""
        return self._pool

    def raw_cuda_graph(self):
        """The number of the captured graph."""
        return self._graph

    def raw_cuda_graph_exec(self):
        """The number of the graph that was made ready."""
        return self._executable

    def enable_debug_mode(self):
        """Keep what `debug_dump` needs: it is kept in any case."""

    def debug_dump(self, debug_path):
        """Write the graph in Graphviz's language."""
        _driver().draw_graph(self._graph, debug_path)

    def __del__(self):
        if self._graph is not None:
            self.reset()


class graph:
    """Context manager: the work inside is captured in a CUDAGraph, on a stream of its own."""

    _default_streams = {}

    def __init__(
        self, cuda_graph, pool=None, stream=None, capture_error_mode="global",
        enable_annotations=False, check_input_liveness=False,
    ):  # fmt: skip
        index = cuda_memory.resolve_index(None)
        if stream is None and index not in graph._default_streams:
            graph._default_streams[index] = Stream()
        self.capture_stream = graph._default_streams[index] if stream is None else stream
        self.cuda_graph, self.pool, self.capture_error_mode = cuda_graph, pool, capture_error_mode
        self._context = StreamContext(self.capture_stream)

    def __enter__(self):
        synchronize()
        gc.collect()  # a tensor that dies during the capture would not come back to its pool
        for index in range(cuda_memory.device_count()):
            cuda_memory.allocator(index).empty_cache()
        self._context.__enter__()
        try:
            self.cuda_graph.capture_begin(self.pool, self.capture_error_mode)
        except BaseException:
            self._context.__exit__(None, None, None)
            raise

    def __exit__(self, kind, error, traceback):
        try:
            self.cuda_graph.capture_end()
        except RuntimeError:
            if error is None:  # else it tells what went wrong
                raise
        finally:
            self._context.__exit__(kind, error, traceback)
        return False


# Functions with a graph forward and one backward ------------------------------------------------


def make_graphed_callables(
    callables, sample_args, num_warmup_iters=3, allow_unused_input=False, pool=None
):
    """Modules or functions of tensors whose forward and backward passes are replayed graphs.

    `sample_args`, a tuple of tensors for each callable, have the shapes, dtypes and `requires_grad` of
    all later arguments.
    """
    from ..nn import Module

    if is_current_stream_capturing():
        raise RuntimeError("make_graphed_callables cannot be called during a capture")
    single = not isinstance(callables, tuple)
    if single:
        callables, sample_args = (callables,), (sample_args,)
    pool = graph_pool_handle() if pool is None else pool
    _warm_up(callables, sample_args, num_warmup_iters, allow_unused_input)
    passes = [_Forward(f, args, pool) for f, args in zip(callables, sample_args)]
    backward = [_Backward(forward, allow_unused_input, pool) for forward in reversed(passes)][::-1]
    graphed = []
    for original, ahead, back in zip(callables, passes, backward):
        function = _joined(ahead, back)
        if isinstance(original, Module):
            original.forward = _for_mode(original, original.forward, function)
            function = original
        graphed.append(function)
    return graphed[0] if single else tuple(graphed)


def _leaves(function, arguments):
    """The tensors that a function reads: its arguments, and a module's parameters."""
    from ..nn import Module

    parameters = tuple(function.parameters()) if isinstance(function, Module) else ()
    return (*arguments, *parameters)


def _as_tuple(outputs):
    return outputs if isinstance(outputs, tuple | list) else (outputs,)


def _gradients(outputs, inputs, grads, allow_unused):
    from ..autograd import grad

    return grad(
        [y for y in outputs if y.requires_grad], [x for x in inputs if x.requires_grad],
        [g for g in grads if g is not None], allow_unused=allow_unused,
    )  # fmt: skip


def _warm_up(callables, sample_args, count, allow_unused):
    """Compile kernels and fill caches, which a capture may not do, on a stream of its own."""
    synchronize()
    with StreamContext(Stream()):
        for function, arguments in zip(callables, sample_args):
            inputs = _leaves(function, arguments)
            for _ in range(count):
                outputs = _as_tuple(function(*arguments))
                if any(y.requires_grad for y in outputs):
                    _gradients(outputs, inputs, _seeds(outputs), allow_unused)
    synchronize()


def _seeds(outputs):
    from ..creation import empty_like

    return [empty_like(y) if y.requires_grad else None for y in outputs]


class _Forward:
    """The captured forward pass: its inputs, and the outputs that each replay writes."""

    def __init__(self, function, arguments, pool):
        self.inputs = _leaves(function, arguments)
        self.count = len(arguments)
        self.graph = CUDAGraph()
        with graph(self.graph, pool=pool):
            found = function(*arguments)
        self.is_single = not isinstance(found, tuple | list)
        self.outputs = _as_tuple(found)

    def replay(self, arguments):
        for ours, theirs in zip(self.inputs[: self.count], arguments):
            if ours.data_ptr() != theirs.data_ptr():
                ours.detach().copy_(theirs.detach())
        self.graph.replay()
        return tuple(y.detach() for y in self.outputs)


class _Backward:
    """The captured backward pass: the gradients that it reads, and those that each replay writes."""

    def __init__(self, forward, allow_unused, pool):
        self.grads = _seeds(forward.outputs)
        self.graph, found = None, ()
        if any(y.requires_grad for y in forward.outputs):
            self.graph = CUDAGraph()
            with graph(self.graph, pool=pool):
                found = _gradients(forward.outputs, forward.inputs, self.grads, allow_unused)
        found = iter(found)
        self.results = [next(found, None) if x.requires_grad else None for x in forward.inputs]

    def replay(self, grads):
        for ours, theirs in zip(self.grads, grads):
            if ours is not None:
                ours.copy_(theirs)
        self.graph.replay()
        return tuple(None if g is None else g.detach() for g in self.results)


def _joined(forward, backward):
    """A function of tensors that replays both passes, seen by autograd as one step."""
    from ..autograd import Function

    class Graphed(Function):
        @staticmethod
        def forward(ctx, *inputs):
            return forward.replay(inputs[: forward.count])

        @staticmethod
        def backward(ctx, *grads):
            return backward.replay(grads)

    def graphed(*arguments):
        outputs = Graphed.apply(*arguments, *forward.inputs[forward.count :])
        return outputs[0] if forward.is_single else outputs

    return graphed


def _for_mode(module, eager, graphed):
    """The graphed function while the module is in the mode that it was captured in, else the other."""
    captured_in = module.training

    def forward(*arguments, **keywords):
        use = graphed if module.training == captured_in else eager
        return use(*arguments, **keywords)

    return forward
