"""Ensembles: the parameters and buffers of several modules, stacked."""

from .. import ops


def stack_module_state(models):
    """(parameters, buffers) of modules of one class, by name, along a new first dimension."""
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = _stacked([dict(m.named_parameters()) for m in models])
    for name, parameter in parameters.items():
        own = [dict(m.named_parameters())[name].requires_grad for m in models]
        if any(own) != all(own):
            raise RuntimeError(f"Expected {name} of all models to have the same requires_grad flag")
        parameters[name] = parameter.detach().requires_grad_(own[0])
    return parameters, _stacked([dict(m.named_buffers()) for m in models])


def _stacked(states):
    return {name: ops.stack([state[name].detach() for state in states]) for name in states[0]}
