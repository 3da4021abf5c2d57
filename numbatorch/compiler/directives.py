"""What programs tell PyTorch's compiler about their functions, and which makes no difference here.

Functions are read as they are, and what cannot be replayed leaves the graph by itself.
"""


def allow_in_graph(function):
    """`function`, or each of a list, as it is (`torch.compiler.allow_in_graph`)."""
    return function


def assume_constant_result(function):
    """`function` as it is: it is called, so that another result is noticed."""
    return function


nested_compile_region = assume_constant_result


def substitute_in_graph(
    original_fn, *, can_constant_fold_through=False, skip_signature_check=False
):
    """A decorator that returns its function: the original is read itself."""
    return lambda function: function


def cudagraph_mark_step_begin():
    """Nothing: memory of a captured graph is not used again while a result is held."""


def list_backends(exclude_tags=("debug", "experimental")):
    """The names of what compiles: there is one."""
    return ["numba"]


def is_exporting():
    """False: `export` runs the program, which needs no other way then."""
    return False
