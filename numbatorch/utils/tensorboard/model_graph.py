"""The recorded graph behind a model's outputs as TensorBoard's nodes."""

from tensorboardX.proto.node_def_pb2 import NodeDef

from ... import graph
from .._pytree import tree_leaves


def nodes_of(outputs, parameters):
    """A NodeDef for each node that the outputs depend on, and for each parameter it reads."""
    names = {id(parameter): name for name, parameter in parameters.items()}
    labels, found = {}, []

    def label(target):
        if id(target) not in labels:
            if isinstance(target, graph.Node):
                labels[id(target)] = f"{target.name()}_{len(labels)}"
            else:
                labels[id(target)] = names.get(id(target), f"input_{len(labels)}").replace(".", "/")
        return labels[id(target)]

    waiting = []
    for i, value in enumerate(x for x in tree_leaves(outputs) if isinstance(x, graph.Value)):
        edge = graph.edge_of(value)
        sources = [label(edge[0])] if edge else []
        found.append(NodeDef(name=f"output_{i}", op="output", input=sources))
        waiting += [edge[0]] if edge else []
    seen = set()
    while waiting:
        target = waiting.pop()
        if id(target) in seen:
            continue
        seen.add(id(target))
        if not isinstance(target, graph.Node):
            found.append(NodeDef(name=label(target), op="Parameter"))
            continue
        sources = [edge[0] for edge in target.edges if edge is not None]
        found.append(
            NodeDef(name=label(target), op=target.name(), input=[label(x) for x in sources])
        )
        waiting += sources
    return found
