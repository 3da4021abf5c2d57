"""Gradient rules: what each of their parameters asks for, by its name."""

import inspect


class GradientRule:
    """A gradient rule, and a getter(node, grads) for each of its arguments."""

    def __init__(self, op, function):
        self.function = function
        self.inputs = set()
        self.output = False
        self.getters = [self._getter(op, name) for name in inspect.signature(function).parameters]
        self.takes_gradient_alone = self.getters == [_grad]

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
        if self.takes_gradient_alone:
            return self.function(grads[0])
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


_GRADIENTS = {"grad": _grad, "grads": _grads, "needs": _needs}
_KEPT = {
    "params": _params,
    "inputs": _inputs_getter(0),
    "output": _output,
    "outputs": _outputs,
}
