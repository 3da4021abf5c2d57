"""Views that autograd cannot follow a write through: which they are, and what is said of them.

A view is restricted where several came out of one call, where it was made in a mode that records
nothing, and where a custom Function made it, whose own backward a write would replace. Such a view
keeps why, and the version of its memory then, in `_restriction`.
"""

from . import modes

SEVERAL, NO_GRAD, INFERENCE, FUNCTION = range(4)


def restrict(view, source, several=False):
    """Note of a fresh view of `source`, which is restricted in one of these ways, in which."""
    if modes.inference:
        reason = INFERENCE
    elif not modes.grad_enabled:
        reason = NO_GRAD
    elif several:
        reason = SEVERAL
    else:
        reason = source._restriction[0]
    view._restriction = reason, view.storage.version


def check_writable(view, inputs):
    """RuntimeError where a recorded write of `inputs` would go through a restricted view."""
    if view._base._requires_grad or any([x is not None and x._requires_grad for x in inputs]):
        raise RuntimeError(_refusal(view, "is being"))


def check_unchanged(view):
    """RuntimeError where the memory of a restricted view was written to since it was made."""
    if view.storage.version != view._restriction[1]:
        raise RuntimeError(_refusal(view, "its base or another view of its base has been"))


_AMBIGUOUS = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the {block} block (if you "
    "don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)

#: reason -> (the mode that the view was made in, where it was written to, what to do about it)
_EXPLANATIONS = {
    SEVERAL: (
        None,
        "",
        "This view is the output of a function that returns multiple views. Such functions do not "
        "allow the output views to be modified inplace. You should replace the inplace operation "
        "by an out-of-place one.",
    ),
    NO_GRAD: ("no_grad", " with grad mode enabled", _AMBIGUOUS.format(block="no_grad")),
    INFERENCE: ("inference", " in normal mode", _AMBIGUOUS.format(block="inference_mode")),
    FUNCTION: (
        None,
        "",
        "This view was created inside a custom Function (or because an input was returned as-is) "
        "and the autograd logic to handle view+inplace would override the custom backward "
        "associated with the custom Function, leading to incorrect gradients. This behavior is "
        "forbidden. You can fix this by cloning the output of the custom Function.",
    ),
}


def _refusal(view, modified):
    mode, where, advice = _EXPLANATIONS[view._restriction[0]]
    subject = "A view was created"
    if mode is not None:
        subject = f"A view was created in {mode} mode"
    elif view._node is not None:
        name = view._node.name().rstrip("0123456789").removesuffix("Backward")
        subject = f"Output {view._output_index} of {name} is a view"
    return f"{subject} and {modified} modified inplace{where}. {advice}"
