"""What numbatorch asks of the CUDA driver: memory, streams, events, graphs.

`CardDriver` calls NVIDIA's `cuda.bindings.driver`; `cuda_simulated_driver.SimulatedDriver` has the same
methods for the simulator. Addresses, streams, events and graphs are integers, and stream 0 is the
default stream of a device. `index` is the number of the device.
"""

import contextlib


class AcceleratorError(RuntimeError):
    """The driver refused, or work on a device failed (`torch.AcceleratorError`)."""


_LATE = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the "
    "stacktrace below might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1"
)

#: Modes of a capture: what other threads, and unsafe calls, may do meanwhile.
CAPTURE_MODES = {"global": 0, "thread_local": 1, "relaxed": 2}

_SUCCESS, _OUT_OF_MEMORY, _NOT_READY = 0, 2, 600
_NON_BLOCKING_STREAM, _PORTABLE_MEMORY, _UNTIMED_EVENT = 1, 1, 2


class CardDriver:
    """The driver of the cards of this machine."""

    def __init__(self, binding=None):
        if binding is None:
            from cuda.bindings import driver as binding
        self._binding = binding
        self._contexts = {}
        self._call("cuInit", 0)

    def _call(self, name, *arguments):
        """The results of a function of the driver; an exception where it fails."""
        status, *results = getattr(self._binding, name)(*arguments)
        if status != _SUCCESS:
            self._fail(name, status)
        return results[0] if len(results) == 1 else results

    def _fail(self, name, status):
        if status == _OUT_OF_MEMORY:
            raise MemoryError(name)
        _, text = self._binding.cuGetErrorString(status)
        text = text.decode() if isinstance(text, bytes) else text
        raise AcceleratorError(f"CUDA error: {text} (from {name}){_LATE}")

    def _is_ready(self, name, handle):
        (status,) = getattr(self._binding, name)(handle)
        if status not in (_SUCCESS, _NOT_READY):
            self._fail(name, status)
        return status == _SUCCESS

    @contextlib.contextmanager
    def on(self, index):
        """Context manager: calls go to the primary context of a device, the one that Numba uses."""
        context = self._contexts.get(index)
        if context is None:
            device = self._call("cuDeviceGet", index)
            context = self._contexts[index] = self._call("cuDevicePrimaryCtxRetain", device)
        self._call("cuCtxPushCurrent", context)
        try:
            yield context
        finally:
            self._call("cuCtxPopCurrent")

    # Devices ------------------------------------------------------------------------------------

    def device_count(self):
        return self._call("cuDeviceGetCount")

    def can_access_peer(self, index, other):
        """Whether kernels on a device reach the memory of another."""
        devices = [self._call("cuDeviceGet", i) for i in (index, other)]
        return bool(self._call("cuDeviceCanAccessPeer", *devices))

    def synchronize(self, index):
        """Wait for all work on a device."""
        with self.on(index):
            self._call("cuCtxSynchronize")

    # Memory -------------------------------------------------------------------------------------

    def memory_info(self, index):
        """(free, total) bytes of a device."""
        with self.on(index):
            return tuple(map(int, self._call("cuMemGetInfo")))

    def allocate(self, nbytes, index):
        """The address of so many bytes on a device; MemoryError where there is no room."""
        with self.on(index), self.relaxed():
            return int(self._call("cuMemAlloc", nbytes))

    def free(self, address, index):
        with self.on(index), self.relaxed():
            self._call("cuMemFree", address)

    def allocate_host(self, nbytes, index):
        """The address of page-locked host memory, which devices read and write by themselves."""
        with self.on(index), self.relaxed():
            return int(self._call("cuMemHostAlloc", nbytes, _PORTABLE_MEMORY))

    def free_host(self, address):
        with self.on(0), self.relaxed():
            self._call("cuMemFreeHost", address)

    def upload(self, index, address, host_address, nbytes, stream):
        """Copy host memory to a device; pageable memory has been read when this returns."""
        with self.on(index):
            self._call("cuMemcpyHtoDAsync", address, host_address, nbytes, stream)

    def download(self, index, host_address, address, nbytes, stream):
        """Copy to host memory; it is complete once the stream is."""
        with self.on(index):
            self._call("cuMemcpyDtoHAsync", host_address, address, nbytes, stream)

    def copy_to_peer(self, target_index, target, index, source, nbytes, stream):
        """Copy from the device `index` to another, on a stream of the former."""
        with self.on(target_index) as target_context, self.on(index) as context:
            self._call("cuMemcpyPeerAsync", target, target_context, source, context, nbytes, stream)

    # Streams ------------------------------------------------------------------------------------

    def stream_priorities(self, index):
        """(least, greatest) priority; greater ones are lower numbers."""
        with self.on(index):
            return tuple(map(int, self._call("cuCtxGetStreamPriorityRange")))

    def new_stream(self, index, priority):
        """A stream that does not wait for the default stream, nor it for this one."""
        with self.on(index):
            return int(self._call("cuStreamCreateWithPriority", _NON_BLOCKING_STREAM, priority))

    def wait_for_stream(self, index, stream):
        """Let the host wait for all work on a stream."""
        with self.on(index):
            self._call("cuStreamSynchronize", stream)

    def stream_is_done(self, index, stream):
        with self.on(index):
            return self._is_ready("cuStreamQuery", stream)

    # Events -------------------------------------------------------------------------------------

    def new_event(self, index, timed):
        with self.on(index):
            return int(self._call("cuEventCreate", 0 if timed else _UNTIMED_EVENT))

    def destroy_event(self, index, event):
        with self.on(index):
            self._call("cuEventDestroy", event)

    def record(self, index, event, stream):
        """Put the event behind all work that is on the stream now."""
        with self.on(index):
            self._call("cuEventRecord", event, stream)

    def event_is_done(self, index, event):
        with self.on(index):
            return self._is_ready("cuEventQuery", event)

    def wait_for_event(self, index, event):
        """Let the host wait for an event."""
        with self.on(index):
            self._call("cuEventSynchronize", event)

    def let_wait(self, index, stream, event):
        """Let later work on a stream wait for an event, of any device."""
        with self.on(index):
            self._call("cuStreamWaitEvent", stream, event, 0)

    def elapsed_time(self, start, end):
        """Milliseconds between two events."""
        return float(self._call("cuEventElapsedTime", start, end))

    # Graphs -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def relaxed(self):
        """Context manager: allowed inside is what would spoil a capture, such as allocating."""
        mode = self._binding.CUstreamCaptureMode(CAPTURE_MODES["relaxed"])
        mode = self._call("cuThreadExchangeStreamCaptureMode", mode)
        try:
            yield
        finally:
            self._call("cuThreadExchangeStreamCaptureMode", mode)

    def begin_capture(self, index, stream, mode):
        """Note the work on a stream, and on those that wait for it, instead of doing it."""
        with self.on(index):
            mode = self._binding.CUstreamCaptureMode(CAPTURE_MODES[mode])
            self._call("cuStreamBeginCapture", stream, mode)

    def end_capture(self, index, stream):
        """The graph of what was noted."""
        with self.on(index):
            return int(self._call("cuStreamEndCapture", stream))

    def instantiate(self, index, graph):
        """A graph made ready to be launched."""
        with self.on(index):
            return int(self._call("cuGraphInstantiate", graph, 0))

    def replay(self, index, executable, stream):
        """Launch a graph on a stream."""
        with self.on(index):
            self._call("cuGraphLaunch", executable, stream)

    def destroy_graph(self, graph):
        self._call("cuGraphDestroy", graph)

    def destroy_executable(self, executable):
        self._call("cuGraphExecDestroy", executable)

    def draw_graph(self, graph, path):
        """Write a graph in Graphviz's language."""
        self._call("cuGraphDebugDotPrint", graph, str(path).encode(), 0)
