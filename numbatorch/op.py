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

from . import changes, cpu_builtins, devices, dtypes, graph, recording, shapes
from .devices import Form, form_with
from .dtypes import FLOATING
from .formulas import conversion
from .graph import Value, edge_of, fresh, listeners, looking, modes, new_node, restricted_views
from .shapes import contiguous_strides

#: Every primitive op by its name.
REGISTRY = {}


class Spec:
    """Shape and dtype of an output; strides where it is not row-major."""

    __slots__ = ("shape", "dtype", "strides")

    def __init__(self, shape, dtype, strides=None):
        self.shape = shape if shape.__class__ is shapes.Size else shapes.Size(shape)
        self.dtype = dtype
        self.strides = strides

    def form_on(self, place):
        """The Form of such an output on the device `place`."""
        strides = contiguous_strides(self.shape) if self.strides is None else self.strides
        return form_with(self.dtype, self.shape, strides, place.type, place.index)


def spec_like(value):
    """The Spec of an output that looks like `value`, dense."""
    return Spec(value.shape, value.dtype)


class Layout:
    """What a view op returns: how the output looks into the memory of its input.

    `dtype` where it is another than the input's; strides and offset then count its elements.
    """

    __slots__ = ("shape", "strides", "offset", "dtype", "form")

    def __init__(self, shape, strides, offset, dtype=None):
        self.form = None
        self.shape = shape if shape.__class__ is shapes.Size else shapes.Size(shape)
        self.strides = tuple(strides)
        self.offset = offset
        self.dtype = dtype


class _Rule:
    """A gradient rule, and a getter(node, grads) for each of its arguments."""

    def __init__(self, op, function):
        self.function = function
        self.inputs = set()
        self.output = False
        self.getters = [self._getter(op, name) for name in inspect.signature(function).parameters]

    def _getter(self, op, name):
        if name in _GRADIENTS:  # also where an input is called grad
            return _GRADIENTS[name]
        if name in op.input_names:
            self.inputs.add(op.input_names.index(name))
            return _input_getter(op.input_names.index(name))
        if name == op.variadic_name:
            self.inputs.add("variadic")
            return _inputs_getter(len(op.input_names))
        if name in _KEPT:
            self.output |= name in ("output", "outputs")
            self.inputs |= {"all"} if name == "inputs" else set()
            return _KEPT[name]
        if name.removesuffix("_shape") in op.input_names:
            return _shape_getter(op.input_names.index(name.removesuffix("_shape")))
        return _param_getter(name)

    def __call__(self, node, grads):
        return self.function(*[get(node, grads) for get in self.getters])


def _input_getter(index):
    def get_input(node, grads):
        return node.input_value(index)

    return get_input


def _inputs_getter(first):
    def get_inputs(node, grads):
        return [node.input_value(i) for i in range(first, len(node.saved))]

    return get_inputs


def _shape_getter(index):
    def get_shape(node, grads):
        return node.input_metas[index].shape

    return get_shape


def _param_getter(name):
    def get_param(node, grads):
        return node.params[name] if name in node.params else node.op.defaults[name]

    return get_param


def _grad(node, grads):
    return grads[0]


def _grads(node, grads):
    return grads


def _needs(node, grads):
    return [edge is not None for edge in node.edges]


def _params(node, grads):
    return node.params


def _output(node, grads):
    return node.output_value(0)


def _outputs(node, grads):
    return _Outputs(node)


_GRADIENTS = {"grad": _grad, "grads": _grads, "needs": _needs}
_KEPT = {
    "params": _params,
    "inputs": _inputs_getter(0),
    "output": _output,
    "outputs": _outputs,
}


class Plan:
    """What a call does that only the Forms of the inputs and the parameters decide.

    `forms` are the Forms of the inputs. `outputs` is the Form of the output, or a tuple of several;
    the Layout of a view, or several; or None where the shapes depend on values. `kernel` is None,
    or kernel(output, *inputs, *parameters) computes what `Op.compute` does.
    """

    __slots__ = ("forms", "outputs", "kernel")

    def __init__(self, forms, outputs, kernel):
        self.forms = forms
        self.outputs = outputs
        self.kernel = kernel


class _Outputs:
    """The outputs of a node. Only one that a rule looks at must not have been written to since."""

    __slots__ = ("node",)

    def __init__(self, node):
        self.node = node

    def __len__(self):
        return len(self.node.saved_outputs)

    def __getitem__(self, index):
        places = range(len(self))[index]
        if places.__class__ is range:
            return [self.node.output_value(i) for i in places]
        return self.node.output_value(places)


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
        self.differentiable = False
        self._plans = {}
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
            self.differentiable = True
            if not names:
                self.joint = rule
            for name in names:
                self.rules[self.input_names.index(name)] = rule
            return function

        return declare

    # Calling ----------------------------------------------------------------

    def __call__(self, *inputs, **params):
        plan = self._find_plan(inputs, params)
        if plan is None:
            check_devices(self, inputs)
            plan = self._make_plan(inputs, params)
        return self._run(plan, inputs, params)

    def call(self, inputs, params):
        """Run on prepared inputs (a tuple of values of the right dtypes on one device)."""
        return self._run(self.plan(inputs, params), inputs, params)

    def _run(self, plan, inputs, params):
        """Compute as planned, and record."""
        outputs = plan.outputs
        if outputs.__class__ is Form:
            result = fresh(outputs)
            if plan.kernel is not None and recording.recorder is None:
                plan.kernel(result, *inputs, *params.values())
            else:
                self.compute(result, *inputs, **params)
        elif outputs is None:
            result = self.compute(*inputs, **params)
        elif self.is_view:
            result = _look(self, inputs[0], outputs)
        else:
            result = tuple([fresh(form) for form in outputs])
            self.compute(result, *inputs, **params)
        if modes.grad_enabled and self.differentiable:
            found = _find_edges(inputs)
            if found is not None:
                self._record(plan, inputs, params, result, *(found or _edges_and_needs(inputs)))
        if listeners:
            for listener in listeners:
                listener(self, inputs, params, result)
        return result

    # Plans -------------------------------------------------------------------

    def plan(self, inputs, params):
        """The Plan of a call on prepared inputs."""
        return self._find_plan(inputs, params) or self._make_plan(inputs, params)

    def _find_plan(self, inputs, params):
        """The Plan of an earlier call on inputs of these Forms with these parameters, or None."""
        if self.is_dynamic:
            return None
        key = devices.forms_of(inputs)
        if self.is_view:
            if key[0].__class__ is not Form:
                return None
            key += (inputs[0].offset,)
        if params:
            key += tuple(params.items())
        try:
            return self._plans.get(key)
        except TypeError:  # a parameter is not hashable
            return None

    def _make_plan(self, inputs, params):
        forms = devices.forms_of(inputs)
        outputs = self._outputs(inputs, params)
        plan = Plan(forms, outputs, self.bind(outputs, inputs, params))
        if not self.is_dynamic and all(map(_is_plain, params.values())):
            key = (*forms, inputs[0].offset) if self.is_view else forms
            self._keep_plan(key + tuple(params.items()), plan)
        return plan

    def _keep_plan(self, key, plan):
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[key] = plan

    def _outputs(self, inputs, params):
        """What Plan.outputs holds."""
        if self.is_dynamic:
            return None
        found = self.infer(*inputs, **params)
        if self.is_view:
            return found if found.__class__ is Layout else tuple(found)
        place = devices.common(inputs)
        if found.__class__ is Spec:
            return found.form_on(place)
        return tuple([spec.form_on(place) for spec in found])

    def bind(self, outputs, inputs, params):
        """What Plan.kernel holds; an op whose `compute` is one launch may give it."""

    # Recording ---------------------------------------------------------------

    def _record(self, plan, inputs, params, result, edges, needs):
        """Give `result` the node that made it, where an input with a rule needs a gradient."""
        if self.joint is None and len(self.rules) < len(inputs):
            edges = [edge if i in self.rules else None for i, edge in enumerate(edges)]
            needs = _needs_of(edges)
        if needs == 1 << len(inputs):
            return
        node = new_node(self, params, edges, plan.forms)
        kept, keeps_outputs = self._save_plans.get(needs) or self._save_plan(edges)
        if kept is not None:
            _save_inputs(node, kept, inputs)
        if result.__class__ is tuple or keeps_outputs:
            self.attach(node, result)
        else:
            node.output_metas = (devices.form_of(result),)
            if result.dtype.category >= FLOATING:
                result._requires_grad = True
                result._node = node

    def make_node(self, inputs, params, edges):
        """A node that keeps of the inputs what the gradient rules ask for."""
        node = new_node(self, params, edges, devices.forms_of(inputs))
        kept, _ = self._save_plan(edges)
        if kept is not None:
            _save_inputs(node, kept, inputs)
        return node

    def attach(self, node, result):
        """Make `node` the history of `result`, a value or a tuple of values."""
        outputs = result if result.__class__ is tuple else (result,)
        node.output_metas = devices.forms_of(outputs)
        for i, x in enumerate(outputs):
            if x.dtype.category >= FLOATING:
                x._requires_grad = True
                x._node, x._output_index = node, i
        if self._save_plan(node.edges)[1]:
            pairs = [(graph.alias(x), x.storage.version) for x in outputs]
            node.saved_outputs = graph.pack_outputs(pairs)

    def _save_plan(self, edges):
        """(flags that say which inputs to keep, or None for no input; whether to keep the outputs)."""
        needs = _needs_of(edges)
        plan = self._save_plans.get(needs)
        if plan is None:
            rules = [self.joint] if self.joint else [self.rules[i] for i in self.rules if edges[i]]
            keep = set().union(*[rule.inputs for rule in rules])
            if "all" in keep:
                keep = set(range(len(edges)))
            if "variadic" in keep:
                keep |= set(range(len(self.input_names), len(edges)))
            kept = [i in keep for i in range(len(edges))] if keep else None
            plan = self._save_plans[needs] = kept, any(rule.output for rule in rules)
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


def _find_edges(inputs):
    """Compile the builtin at its first use, then stand aside for it."""
    global _find_edges
    _find_edges = cpu_builtins.edges_builtin(Value)
    return _find_edges(inputs)


def _edges_and_needs(inputs):
    """What the builtin finds, also where there are views among the inputs."""
    edges = [edge_of(x) if x is not None else None for x in inputs]
    return edges, _needs_of(edges)


def _needs_of(edges):
    """Which edges there are: bits below a bit that is 1, or minus the length of a long list."""
    if len(edges) > 60:
        return -len(edges)
    needs = 1 << len(edges)
    for i, edge in enumerate(edges):
        if edge is not None:
            needs |= 1 << i
    return needs


def _save_inputs(node, kept, inputs):
    """Keep the flagged inputs in `node`, and the versions of their memory."""
    node.saved, node.versions = saved, versions = [], []
    for keep, x in zip(kept, inputs):
        if not keep or x is None:
            saved.append(None)
            versions.append(0)
            continue
        if x._inference:
            raise RuntimeError(
                "Inference tensors cannot be saved for backward. Please do not use Tensors created "
                "in inference mode in computation tracked by autograd. To work around this, you "
                "can make a clone to get a normal tensor and use it in autograd, or use "
                "`torch.no_grad()` instead of `torch.inference_mode()`."
            )
        saved.append(x)
        versions.append(x.storage.version)
    if modes.saved_tensors_hooks is not None:
        node.saved = graph.pack_inputs(saved)


def _look(op, source, layouts):
    """The view, or views, of `source` with a Layout, or several."""
    if source._base is not None and not modes.inference:
        graph.synchronise(source)
    if layouts.__class__ is Layout:
        return view_of(source, layouts)
    if op.unsafe:
        return tuple([_over_memory(source, layout) for layout in layouts])
    return tuple([view_of(source, layout, several=True) for layout in layouts])


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
    form = layout.form
    if form is None or form.place is not devices.form_of(source).place:
        storage = source.storage
        form = layout.form = form_with(
            layout.dtype or source.dtype, layout.shape, layout.strides,
            storage.device_type, storage.device_index,
        )  # fmt: skip
    result = looking(form, source.storage, layout.offset)
    result._untracked = source._untracked
    return result


_PLAIN = frozenset(
    {int, float, complex, bool, str, type(None), dtypes.dtype, shapes.Size, devices.device}
)
_MOST_PLANS = 4096


def _is_plain(value):
    """Whether a parameter may be kept in the key of a plan: it refers to no memory."""
    if value.__class__ is tuple:
        return all(map(_is_plain, value))
    return value.__class__ in _PLAIN


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
    plan = op.plan(inputs, params)
    form = plan.outputs
    fits = form is devices.form_of(target)
    if not fits:
        check_target(target, form)
    node = None
    if modes.grad_enabled and op.differentiable and _find_edges(inputs) is not None:
        edges = [
            edge_of(x) if x is not None and (op.joint is not None or i in op.rules) else None
            for i, x in enumerate(inputs)
        ]
        if any([edge is not None for edge in edges]):
            node = op.make_node(inputs, params, edges)
            _keep_original(node, target)
    if op.inplace_safe and form.dtype is target.dtype and not _partly_shared(target, inputs[1:]):
        if fits and plan.kernel is not None and recording.recorder is None:
            plan.kernel(target, *inputs, *params.values())
        else:
            op.compute(target, *inputs, **params)
    else:
        temporary = fresh(form)
        op.compute(temporary, *inputs, **params)
        copy_values(target, temporary)
    graph.bump_version(target)
    if node is not None:
        rebase(target, op, node)
    for listener in listeners:
        listener(op, inputs, params, target)
    return target


def check_target(target, spec):
    """RuntimeError where a result that looks like `spec`, a Spec or a Form, may not be written into
    `target`."""
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


#: What is wrong with a target such as an expanded tensor.
OVERLAP = (
    "unsupported operation: more than one element of the written-to tensor refers to a single memory "
    "location. Please clone() the tensor before performing the operation."
)


def check_writable(target, inputs=()):
    """RuntimeError where `target` may not be written to, as an op of `inputs` would."""
    if devices.form_of(target).has_overlap:
        raise RuntimeError(OVERLAP)
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


def _partly_shared(target, others):
    for x in others:
        if x is not None and x.storage is target.storage:
            same = x.strides == target.strides and x.shape == target.shape
            if not same or x.offset != target.offset:
                return True
    return False


def copy_values(target, source):
    """target[...] = source, cast and broadcast, without history."""
    formula = conversion.identity
    if source.dtype.is_complex and not target.dtype.is_complex:
        formula = conversion.truth if target.dtype is dtypes.bool_ else conversion.real_part
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
