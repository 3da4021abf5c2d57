"""Modes that switch recording on and off; each is a context manager and a decorator."""

import functools
import inspect

from ..graph import modes


class _Mode:
    """Sets fields of `graph.modes` on entry and puts the old ones back on exit."""

    def __init__(self, **settings):
        self._settings = settings
        self._saved = []

    def __enter__(self):
        self._saved.append({name: getattr(modes, name) for name in self._settings})
        for name, value in self._settings.items():
            setattr(modes, name, value)
        return self

    def __exit__(self, *exception):
        for name, value in self._saved.pop().items():
            setattr(modes, name, value)

    def clone(self):
        """A mode with the same settings that is not entered."""
        return _Mode(**self._settings)

    def __call__(self, function):
        if inspect.isclass(function):
            function.__init__ = self(function.__init__)
            return function
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, function):
        """The mode holds while the generator runs, not while its consumer does."""

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            generator = function(*args, **kwargs)
            reply, failure = None, None
            while True:
                try:
                    with self.clone():
                        if failure is not None:
                            item = generator.throw(failure)
                        else:
                            item = generator.send(reply)
                except StopIteration as stop:
                    return stop.value
                try:
                    reply, failure = (yield item), None
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001  it goes to the generator
                    reply, failure = None, error

        return wrapped


class _BareDecorator(_Mode):
    """A mode that also decorates without being called: `@no_grad` as well as `@no_grad()`."""

    def __new__(cls, function=None):
        mode = super().__new__(cls)
        if function is None:
            return mode
        mode.__init__()
        return mode(function)


class no_grad(_BareDecorator):
    """Record nothing: results do not require a gradient."""

    def __init__(self):
        super().__init__(grad_enabled=False)


class enable_grad(_BareDecorator):
    """Record, also inside `no_grad`."""

    def __init__(self):
        super().__init__(grad_enabled=True)


class set_grad_enabled(_Mode):
    """Switch recording on or off, at once as a function, or for a block."""

    def __init__(self, mode):
        super().__init__(grad_enabled=bool(mode))
        self._saved.append({"grad_enabled": modes.grad_enabled})
        modes.grad_enabled = bool(mode)
        self.mode = bool(mode)

    def __enter__(self):
        modes.grad_enabled = self.mode
        return self

    def __call__(self, function):
        self.__exit__()
        return super().__call__(function)


class inference_mode(_Mode):
    """Record nothing, not even views and versions; its tensors may not enter autograd later."""

    def __init__(self, mode=True):
        settings = {"grad_enabled": False, "inference": True} if mode else {"inference": False}
        super().__init__(**settings)

    def __new__(cls, mode=True):
        instance = super().__new__(cls)
        if callable(mode):
            instance.__init__()
            return instance(mode)
        return instance


class detect_anomaly(_Mode):
    """Keep the forward traceback of every node, and raise where a backward makes a NaN."""

    def __init__(self, check_nan=True):
        super().__init__(anomaly="check" if check_nan else "trace")


class set_detect_anomaly(detect_anomaly):
    """Switch anomaly detection on or off, at once as a function, or for a block."""

    def __init__(self, mode, check_nan=True):
        super().__init__(check_nan)
        if not mode:
            self._settings = {"anomaly": False}
        self._saved.append({"anomaly": modes.anomaly})
        modes.anomaly = self._settings["anomaly"]

    def __enter__(self):
        modes.anomaly = self._settings["anomaly"]
        return self


def is_grad_enabled():
    """Whether ops are recorded now."""
    return modes.grad_enabled


def is_inference_mode_enabled():
    """Whether inference mode is on."""
    return modes.inference
