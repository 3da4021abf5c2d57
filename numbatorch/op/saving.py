"""Where the gradients of a call's inputs go, and what its node keeps of them."""

from .. import cpu_builtins, graph
from ..graph import Value, edge_of, modes


def find_edges(inputs):  # noqa: F811
    """Compile the builtin at its first use, then stand aside for it."""
    global find_edges
    find_edges = cpu_builtins.edges_builtin(Value)
    return find_edges(inputs)


def edges_and_needs(inputs):
    """What the builtin finds, also where there are views among the inputs."""
    edges = [edge_of(x) if x is not None else None for x in inputs]
    return edges, needs_of(edges)


def needs_of(edges):
    """Which edges there are: bits below a bit that is 1, or minus the length of a long list."""
    if len(edges) > 60 and any([edge is not None for edge in edges]):
        return -len(edges)
    needs = 1 << len(edges)
    for i, edge in enumerate(edges):
        if edge is not None:
            needs |= 1 << i
    return needs


def save_inputs(node, kept, inputs):
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
