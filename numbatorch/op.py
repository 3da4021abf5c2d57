"""Op: the declaration of a primitive operation, and the one way to call it.

A declaration starts from the shape rule, a function whose positional parameters are the tensors
and whose keyword-only parameters are the rest:

    @primitive
    def take(input, index, *, dim):
        '''out[i] = input[index[i]]'''
        return Spec(index.shape, input.dtype)

    @take.forward
    def _(out, input, index, *, dim):
        kernels(out).indexing.take(out, input, index, dim)

    @take.gradient("input")
    def _(grad, input, index, dim):
        return ...

A gradient rule asks for what it needs by name: `grad` (or `grads`, where there are several
outputs), the inputs (`inputs` for all, a variadic parameter's name for those it takes) and
parameters of the op (`params` for all), the shape of an input (`input_shape`), `output` or `outputs`, and `needs`, the
flags that say which inputs want a gradient. Only what it asks for is kept until backward. It is
written in ops, so that a backward pass can itself be recorded.
"""

import inspect

from . import changes, devices, dtypes, graph, shapes
from .array import initialise
from .formulas import conversion
from .graph import Node, Value, edge_of, listeners, metadata_of, modes, restricted_views

#: Every primitive op by its name.
REGISTRY = {}


class Spec:
    """Shape and dtype of an output; strides where it is not row-major."""

    __slots__ = ("shape", "dtype", "strides")

    def __init__(self, shape, dtype, strides=None):
        self.shape = shape if shape.__class__ is shapes.Size else shapes.Size(shape)
        self.dtype = dtype
        self.strides = strides


def spec_like(value):
    """The Spec of an output that looks like `value`, dense."""
    return Spec(value.shape, value.dtype)


class Layout:
    """What a view op returns: how the output looks into the memory of its input.

    `dtype` where it is another than the input's; strides and offset then count its elements.
    """

    __slots__ = ("shape", "strides", "offset", "dtype")

    def __init__(self, shape, strides, offset, dtype=None):
        self.shape = shape if shape.__class__ is shapes.Size else shapes.Size(shape)
        self.strides = tuple(strides)
        self.offset = offset
        self.dtype = dtype


class _Rule:
    """A gradient rule and where each of its arguments comes from."""

    def __init__(self, op, function):
        self.function = function
        self.sources = []
        self.inputs = set()
        self.shapes = set()
        self.output = False
        for name in inspect.signature(function).parameters:
            if name in ("grad", "grads", "needs"):  # also where an input is called grad
                self.sources.append((name, None))
            elif name in op.input_names:
                index = op.input_names.index(name)
                self.inputs.add(index)
                self.sources.append(("input", index))
            elif name == "params":
                self.sources.append(("params", None))
            elif name == "inputs":
                self.inputs.add("all")
                self.sources.append(("inputs", None))
            elif name == op.variadic_name:
                self.inputs.add("variadic")
                self.sources.append(("variadic", len(op.input_names)))
            elif name in ("output", "outputs"):
                self.output = True
                self.sources.append((name, 0))
            elif name.removesuffix("_shape") in op.input_names:
                self.shapes.add(op.input_names.index(name.removesuffix("_shape")))
                self.sources.append(("shape", op.input_names.index(name.removesuffix("_shape"))))
            else:
                self.sources.append(("param", name))

    def __call__(self, node, grads):
        arguments = []
        for kind, key in self.sources:
            if kind == "grad":
                arguments.append(grads[0])
            elif kind == "input":
                arguments.append(node.input_value(key))
            elif kind == "output":
                arguments.append(node.output_value(0))
            elif kind == "param":
                known = node.params
                arguments.append(known[key] if key in known else node.op.defaults[key])
            elif kind == "params":
                arguments.append(node.params)
            elif kind == "shape":
                arguments.append(node.input_metas[key][0])
            elif kind == "grads":
                arguments.append(grads)
            elif kind == "outputs":
                arguments.append(_Outputs(node))
            elif kind == "inputs":
                arguments.append([node.input_value(i) for i in range(len(node.saved))])
            elif kind == "variadic":
                arguments.append([node.input_value(i) for i in range(key, len(node.saved))])
            else:
                arguments.append([edge is not None for edge in node.edges])
        return self.function(*arguments)


class _Outputs:
    """The outputs of a node. Only one that a rule looks at must not have been written to since."""

    __slots__ = ("node",)

    def __init__(self, node):
        self.node = node

    def __len__(self):
        return len(self.node.saved_outputs)

    def __getitem__(self, index):
        return self.node.output_value(range(len(self))[index])


class Op:
    """A primitive operation; call it with tensors, and keywords for the rest."""

    #: Whether `forward` may be given its first input as the output.
    inplace_safe = False
    is_view = False
    #: Whether a view op's outputs, which share memory, pass for tensors of their own in autograd.
    unsafe = False
    #: Whether the shapes of the outputs depend on values: forward then returns the outputs.
    is_dynamic = False
    #: Whether a missing gradient of one of several outputs reaches the rule as zeros.
    materialize_grads = True

    def __init__(self, infer, name=None, **attributes):
        self.name = name or infer.__name__
        self.__name__ = self.name
        self.__doc__ = infer.__doc__
        self.infer = infer
        parameters = inspect.signature(infer).parameters.values()
        self.input_names = [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
        variadic = [p.name for p in parameters if p.kind == p.VAR_POSITIONAL]
        self.defaults = infer.__kwdefaults__ or {}
        self.variadic_name = variadic[0] if variadic else None
        self.rules = {}
        self.joint = None
        self.samples = None
        self.node_name = f"{camel_case(self.name)}Backward0"
        self._save_plans = {}
        vars(self).update(attributes)
        if self.name in REGISTRY:
            raise ValueError(f"there are two ops called {self.name}")
        REGISTRY[self.name] = self

    def __repr__(self):
        return f"<op {self.name}>"

    def __reduce__(self):
        return _op_called, (self.name,)  # there is only one of them, also in copies of a model

    # Declaration ------------------------------------------------------------

    def forward(self, function):
        """Decorator: how the op computes; forward(out, *inputs, **params), launches kernels."""
        self.compute = function
        return function

    def gradient(self, *names):
        """Decorator: the gradient rule of the named input; of all inputs, as a tuple, without names."""

        def declare(function):
            label = f"{self.name}_gradient" + "".join(f"_{name}" for name in names)
            function.__name__ = function.__qualname__ = label
            function.__code__ = function.__code__.replace(co_name=label, co_qualname=label)
            rule = _Rule(self, function)
            if not names:
                self.joint = rule
            for name in names:
                self.rules[self.input_names.index(name)] = rule
            return function

        return declare

    @property
    def differentiable(self):
        return bool(self.rules) or self.joint is not None

    # Calling ----------------------------------------------------------------

    def __call__(self, *inputs, **params):
        check_devices(self, inputs)
        return self.call(inputs, params)

    def call(self, inputs, params):
        """Run on prepared inputs (values of the right dtypes, on one device) and record."""
        if self.is_view:
            result = self._call_view(inputs, params)
        elif self.is_dynamic:
            result = self.compute(*inputs, **params)
        else:
            spec = self.infer(*inputs, **params)
            place = devices.common(inputs)
            if spec.__class__ is Spec:
                result = graph.allocate(spec.shape, spec.dtype, place, spec.strides)
                self.compute(result, *inputs, **params)
            else:
                result = tuple(graph.allocate(s.shape, s.dtype, place, s.strides) for s in spec)
                self.compute(result, *inputs, **params)
        if modes.grad_enabled and self.differentiable:
            self._record(inputs, params, result)
        if listeners:
            for listener in listeners:
                listener(self, inputs, params, result)
        return result

    def _call_view(self, inputs, params):
        source = inputs[0]
        layout = self.infer(*inputs, **params)
        if source._base is not None and not modes.inference:
            graph.synchronise(source)
        if layout.__class__ is Layout:
            return view_of(source, layout)
        if self.unsafe:
            return tuple([_over_memory(source, part) for part in layout])
        return tuple([view_of(source, part, several=True) for part in layout])

    def _record(self, inputs, params, result):
        """Give `result` the node that made it, where an input needs a gradient."""
        edges = None
        for i, x in enumerate(inputs):
            if x is not None and (x._requires_grad or x._base is not None):
                edge = edge_of(x)
                if edge is not None and (self.joint is not None or i in self.rules):
                    if edges is None:
                        edges = [None] * len(inputs)
                    edges[i] = edge
        if edges is None:
            return
        node = self.make_node(inputs, params, edges)
        self.attach(node, result)

    def make_node(self, inputs, params, edges):
        """A node that keeps of the inputs what the gradient rules ask for."""
        keep, shaped, _ = self._save_plan(tuple([edge is not None for edge in edges]))
        metas = [
            metadata_of(x) if edge is not None or i in shaped else None
            for i, (edge, x) in enumerate(zip(edges, inputs))
        ]
        node = Node(self, params, edges, metas)
        node.saved = [x if i in keep else None for i, x in enumerate(inputs)]
        if any([x is not None and x._inference for x in node.saved]):
            raise RuntimeError(
                "Inference tensors cannot be saved for backward. Please do not use Tensors created "
                "in inference mode in computation tracked by autograd. To work around this, you "
                "can make a clone to get a normal tensor and use it in autograd, or use "
                "`torch.no_grad()` instead of `torch.inference_mode()`."
            )
        node.versions = [x.storage.version if x is not None else 0 for x in node.saved]
        if modes.saved_tensors_hooks is not None:
            node.saved = graph.pack_inputs(node.saved)
        return node

    def attach(self, node, result):
        """Make `node` the history of `result`, a value or a tuple of values."""
        several = result.__class__ is tuple
        outputs = result if several else (result,)
        node.output_metas = [metadata_of(x) for x in outputs]
        for i, x in enumerate(outputs):
            if x.dtype.is_floating_point or x.dtype.is_complex:
                x._requires_grad = True
                x._node, x._output_index = node, i
        if self._save_plan(tuple([edge is not None for edge in node.edges]))[2]:
            node.saved_outputs = graph.pack_outputs(
                [(graph.alias(x), x.storage.version) for x in outputs]
            )

    def _save_plan(self, needs):
        """(inputs to keep, inputs whose shape to keep, whether to keep the outputs)."""
        plan = self._save_plans.get(needs)
        if plan is None:
            rules = [self.joint] if self.joint else [self.rules[i] for i in self.rules if needs[i]]
            keep = set().union(*[rule.inputs for rule in rules])
            if "all" in keep:
                keep = set(range(len(needs)))
            if "variadic" in keep:
                keep |= set(range(len(self.input_names), len(needs)))
            shaped = set().union(*[rule.shapes for rule in rules])
            plan = self._save_plans[needs] = keep, shaped, any(rule.output for rule in rules)
        return plan

    def backward(self, node, grads):
        """The gradients of the inputs of `node`, None where none is wanted."""
        if self.joint is not None:
            return self.joint(node, grads)
        return [
            None if edge is None else self.rules[i](node, grads)
            for i, edge in enumerate(node.edges)
        ]

    def inplace(self, *inputs, **params):
        """Write the result into the first input and return it."""
        check_devices(self, inputs)
        return write_inplace(self, inputs[0], inputs, params)


def view_of(source, layout, several=False):
    """A value that looks into the memory of `source`; one of `several` may not be written to."""
    result = _over_memory(source, layout)
    if source._inference:
        return result
    result._inference = False
    base = source if source._base is None else source._base
    result._base = base
    result._history = base._history
    if several or source._restriction is not None or not modes.grad_enabled:
        restricted_views.restrict(result, source, several)
    return result


def _over_memory(source, layout):
    result = initialise(
        graph.blank(),
        source.storage,
        layout.dtype or source.dtype,
        layout.shape,
        layout.strides,
        layout.offset,
    )
    result._untracked = source._untracked
    return result


def camel_case(name):
    """log_softmax becomes LogSoftmax."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _op_called(name):
    return REGISTRY[name]


def primitive(infer=None, **attributes):
    """Declare a primitive op from its shape rule."""
    if infer is None:
        return lambda function: Op(function, **attributes)
    return Op(infer, **attributes)


def view(infer=None, **attributes):
    """Declare a view op from its layout rule, which gives one Layout or several."""
    return primitive(infer, is_view=True, **attributes)


def dynamic(compute=None, **attributes):
    """Declare an op whose output shapes depend on values; the function computes and returns them."""
    if compute is None:
        return lambda function: dynamic(function, **attributes)
    op = Op(compute, is_dynamic=True, **attributes)
    op.compute = compute
    return op


def check_devices(op, inputs):
    """RuntimeError where tensors lie on different devices."""
    kind = None
    for x in inputs:
        if x is None:
            continue
        if not isinstance(x, Value):
            raise TypeError(
                f"{op.name}(): argument '{_argument_name(op, inputs, x)}' must be Tensor, not "
                f"{type(x).__name__}"
            )
        here = x.storage.device_type
        if kind is None:
            kind = here
        elif here != kind:
            names = " and ".join(sorted({str(devices.of(v)) for v in inputs if v is not None}))
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{names}! (in {op.name})"
            )


def _argument_name(op, inputs, x):
    index = next(i for i, candidate in enumerate(inputs) if candidate is x)
    return op.input_names[index] if index < len(op.input_names) else f"tensors[{index}]"


# In place ---------------------------------------------------------------------------------------


def write_inplace(op, target, inputs, params):
    """Run `op` so that its result lands in the memory of `target`; record and count the change.

    inputs[0] is `target`, or a cast of it where the op computes in another dtype.
    """
    check_writable(target, inputs)
    spec = op.infer(*inputs, **params)
    check_target(target, spec)
    edges = _edges(op, inputs) if modes.grad_enabled and op.differentiable else None
    node = None
    if edges is not None:
        node = op.make_node(inputs, params, edges)
        _keep_original(node, target)
    if op.inplace_safe and spec.dtype is target.dtype and not _partly_shared(target, inputs[1:]):
        op.compute(target, *inputs, **params)
    else:
        temporary = graph.allocate(spec.shape, spec.dtype, devices.of(target))
        op.compute(temporary, *inputs, **params)
        copy_values(target, temporary)
    graph.bump_version(target)
    if node is not None:
        rebase(target, op, node)
    for listener in listeners:
        listener(op, inputs, params, target)
    return target


def check_target(target, spec):
    """RuntimeError where a result that looks like `spec` may not be written into `target`."""
    if spec.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(spec.shape)}"
        )
    check_result_cast(spec.dtype, target.dtype)


def _keep_original(node, target):
    """Where a rule asks for the values that are about to be overwritten, keep a copy of them."""
    if not any([x is target for x in node.saved]):
        return
    original = graph.allocate(target.shape, target.dtype, devices.of(target))
    copy_values(original, target)
    original._requires_grad = target._requires_grad
    original._node, original._output_index = target._node, target._output_index
    node.versions = [0 if x is target else v for x, v in zip(node.saved, node.versions)]
    node.saved = [original if x is target else x for x in node.saved]


def check_writable(target, inputs=()):
    """RuntimeError where `target` may not be written to, as an op of `inputs` would."""
    if shapes.has_overlap(target.shape, target.strides):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    if target._inference and not modes.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make "
            "a clone to get a normal tensor before doing inplace update."
        )
    if not modes.grad_enabled:
        return
    if target._base is not None:
        if target._restriction is not None:
            restricted_views.check_writable(target, inputs)
        graph.synchronise(target)
    if target._requires_grad and target._node is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    base = target._base
    if base is not None and base._requires_grad and base._node is None:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )


def check_result_cast(result, target):
    """RuntimeError where a result of dtype `result` may not be written as `target`."""
    if not dtypes.can_cast(result, target):
        raise RuntimeError(
            f"result type {scalar_name(result)} can't be cast to the desired output type "
            f"{scalar_name(target)}"
        )


_SCALAR_NAMES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16",
    "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "bool": "Bool", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip


def scalar_name(dtype):
    """PyTorch's name of a dtype in error messages."""
    return _SCALAR_NAMES[dtype.name]


def _edges(op, inputs):
    edges = [
        edge_of(x) if x is not None and (op.joint is not None or i in op.rules) else None
        for i, x in enumerate(inputs)
    ]
    return edges if any(edge is not None for edge in edges) else None


def _partly_shared(target, others):
    return any(
        x is not None
        and x.storage is target.storage
        and (x.offset, x.strides, x.shape) != (target.offset, target.strides, target.shape)
        for x in others
    )


def copy_values(target, source):
    """target[...] = source, cast and broadcast, without history."""
    if source.dtype.is_complex and not target.dtype.is_complex:
        formula = conversion.real_part
    else:
        formula = conversion.identity
    devices.kernels(target).elementwise.apply(formula, target, source)


def rebase(target, op, node):
    """Make `node` the history of `target`, whose memory it has just overwritten.

    Where `target` is a view, its base gets a node that puts the new part into the old whole; other
    views notice through the base's history count.
    """
    if target._node is None:
        changes.note()
    base = target._base
    if base is None:
        op.attach(node, target)
        target._history += 1
        return
    if base.dtype is not target.dtype:
        raise RuntimeError(
            f"{op.name}: a write through a view of dtype {target.dtype} into a tensor of dtype "
            f"{base.dtype} cannot be differentiated"
        )
    op.attach(node, target)
    base._node = graph.scatter_into_base(base, target, node)
    base._output_index = 0
    base._requires_grad = True
    base._history += 1
    graph.synchronise(target)
