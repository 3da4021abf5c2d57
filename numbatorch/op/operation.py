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
parameters of the op (`params` for all), the shape of an input (`input_shape`), `output` or
`outputs`, and `needs`, the flags that say which inputs want a gradient. Only what it asks for is
kept until backward. It is written in ops, so that a backward pass can itself be recorded.

A call goes through `native_call`, which does in compiled code what an earlier call like it did;
what is new or unusual comes here.
"""

import inspect
from functools import cached_property

from .. import devices, graph, recording
from ..devices import Form
from ..dtypes import FLOATING
from ..graph import Value, fresh, listeners, modes, new_node
from . import native_call, saving
from .gradient_rules import GradientRule
from .in_place import scalar_name, write_inplace
from .native_call import is_plain
from .results import Layout, Spec
from .saving import edges_and_needs, needs_of, save_inputs
from .views import look

#: Every primitive op by its name.
REGISTRY = {}


class Plan:
    """What a call does that only the Forms of the inputs and the parameters decide.

    `forms` are the Forms of the inputs. `outputs` is the Form of the output, or a tuple of several;
    the Layout of a view, or several; or None where the shapes depend on values. `kernel` is None,
    or kernel(result, *inputs) computes what `Op.compute` does.
    """

    __slots__ = ("forms", "outputs", "kernel")

    def __init__(self, forms, outputs, kernel):
        self.forms = forms
        self.outputs = outputs
        self.kernel = kernel


#: Ops that uint16, uint32 and uint64 have, and that are no views; others refuse these dtypes.
FOR_STORAGE_ONLY = frozenset((
    "copy", "clone", "cast", "to_device", "cat", "index", "index_put", "where", "roll", "sort", "argsort", "consecutive_groups", "stack",
    "constant_pad", "random", "eq", "ne", "mul", "bitwise_and", "bitwise_or", "bitwise_xor", "floor", "ceil", "trunc", "round",
    "sum", "prod", "any", "all", "cumsum", "cumprod", "isnan", "isinf", "isfinite",
))  # fmt: skip


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
        self.native_gradients = {}  # `native_call` keeps here what the rules come to
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
            rule = GradientRule(self, function)
            self.differentiable = True
            if not names:
                self.joint = rule
            for name in names:
                self.rules[self.input_names.index(name)] = rule
            return function

        return declare

    # Calling ----------------------------------------------------------------

    def __call__(self, *inputs, **params):
        return self.native(*inputs, **params)

    @cached_property
    def native(self):
        """The builtin that calls this op."""
        return native_call.builtin(self._call)

    @cached_property
    def native_inplace(self):
        """The builtin that calls this op in place."""
        return native_call.builtin(self._call_inplace)

    def _call(self, key, inputs, params):
        """A call that is unlike earlier ones, or (where `key` is None) an unusual one."""
        plan = self._find_plan(inputs, params)
        if plan is None:
            check_devices(self, inputs)
            plan = self._make_plan(inputs, params)
        result = self._run(plan, inputs, params)
        if key is not None:
            args = (*inputs, *params.values())
            native_call.keep(key, self, plan, args, inputs, params, in_order=True)
        return result

    def call(self, inputs, params):
        """Run on prepared inputs (a tuple of values of the right dtypes on one device)."""
        return self._run(self.plan(inputs, params), inputs, params)

    def _run(self, plan, inputs, params):
        """Compute as planned, and record."""
        outputs = plan.outputs
        if outputs.__class__ is Form:
            result = fresh(outputs)
            if plan.kernel is not None and recording.recorder is None:
                plan.kernel(result, *inputs)
            else:
                self.compute(result, *inputs, **params)
        elif outputs is None:
            result = self.compute(*inputs, **params)
        elif self.is_view:
            result = look(self, inputs[0], outputs)
        else:
            result = tuple([fresh(form) for form in outputs])
            if plan.kernel is not None and recording.recorder is None:
                plan.kernel(result, *inputs)
            else:
                self.compute(result, *inputs, **params)
        if modes.grad_enabled and self.differentiable:
            found = saving.find_edges(inputs)
            if found is not None:
                self._record(plan, inputs, params, result, *(found or edges_and_needs(inputs)))
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
        if not self.is_view and self.name not in FOR_STORAGE_ONLY:
            _check_computable(self.name, forms)
        outputs = self._outputs(inputs, params)
        plan = Plan(forms, outputs, self.bind(outputs, inputs, params))
        if not self.is_dynamic and all(map(is_plain, params.values())):
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
        """What Plan.kernel holds; an op may give it whose launches follow from the Forms."""

    # Recording ---------------------------------------------------------------

    def _record(self, plan, inputs, params, result, edges, needs):
        """Give `result` the node that made it, where an input with a rule needs a gradient."""
        if self.joint is None and len(self.rules) < len(inputs):
            edges = [edge if i in self.rules else None for i, edge in enumerate(edges)]
            needs = needs_of(edges)
        if needs == 1 << len(inputs):
            return
        node = new_node(self, params, edges, plan.forms)
        kept, keeps_outputs = self._save_plans.get(needs) or self.save_plan(edges)
        if kept is not None:
            save_inputs(node, kept, inputs)
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
        kept, _ = self.save_plan(edges)
        if kept is not None:
            save_inputs(node, kept, inputs)
        return node

    def attach(self, node, result):
        """Make `node` the history of `result`, a value or a tuple of values."""
        outputs = result if result.__class__ is tuple else (result,)
        node.output_metas = devices.forms_of(outputs)
        for i, x in enumerate(outputs):
            if x.dtype.category >= FLOATING:
                x._requires_grad = True
                x._node, x._output_index = node, i
        if self.save_plan(node.edges)[1]:
            pairs = [(graph.alias(x), x.storage.version) for x in outputs]
            node.saved_outputs = graph.pack_outputs(pairs)

    def save_plan(self, edges):
        """(flags that say which inputs to keep, or None for no input; whether to keep the outputs)."""
        needs = needs_of(edges)
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
        return self.native_inplace(*inputs, **params)

    def _call_inplace(self, key, inputs, params):
        """As `_call`, in place."""
        check_devices(self, inputs)
        result = write_inplace(self, inputs[0], inputs, params)
        if key is not None:
            self.keep_inplace(key, (*inputs, *params.values()), inputs, params, in_order=True)
        return result

    def keep_inplace(self, key, args, inputs, params, constants=(), in_order=False):
        """Let `native_call` repeat a call in place, where it can."""
        plan = self.plan(inputs, params)
        fits = inputs[0] is args[0] and plan.outputs is devices.form_of(inputs[0])
        if fits and self.inplace_safe:
            native_call.keep(
                key, self, plan, args, inputs, params, constants, in_place=True, in_order=in_order
            )
        else:
            native_call.refuse(key, args)


_MOST_PLANS = 4096


def camel_case(name):
    """log_softmax becomes LogSoftmax."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _check_computable(name, forms):
    """NotImplementedError where an input is of a dtype that is there for storage only."""
    for form in forms:
        if form.__class__ is Form and form.dtype.is_storage_only:
            dtype = scalar_name(form.dtype)
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{dtype}'")


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
    first = None
    for x in inputs:
        if x is None:
            continue
        if not isinstance(x, Value):
            raise TypeError(
                f"{op.name}(): argument '{_argument_name(op, inputs, x)}' must be Tensor, not "
                f"{type(x).__name__}"
            )
        here = x.storage.device_type, x.storage.device_index
        if first is None:
            first = here
        elif here != first:
            names = " and ".join(sorted({str(devices.of(v)) for v in inputs if v is not None}))
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{names}! (in {op.name})"
            )


def _argument_name(op, inputs, x):
    index = next(i for i, candidate in enumerate(inputs) if candidate is x)
    return op.input_names[index] if index < len(op.input_names) else f"tensors[{index}]"
