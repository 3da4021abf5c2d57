"""Nested containers as trees (`torch.utils._pytree`): tuples, lists, dictionaries and named tuples."""

from collections import OrderedDict, defaultdict, deque


class TreeSpec:
    """The form of a tree: the type of its root, what else rebuilds it, and the forms of its parts."""

    def __init__(self, type, context, children_specs):
        self.type = type
        self.context = context
        self.children_specs = children_specs
        self.num_leaves = sum(child.num_leaves for child in children_specs)

    def is_leaf(self):
        """Whether the tree is one leaf."""
        return False

    def __eq__(self, other):
        return isinstance(other, TreeSpec) and (self.type, self.context, self.children_specs) == (
            other.type, other.context, other.children_specs,
        )  # fmt: skip

    def __hash__(self):
        return hash((self.type, str(self.context), tuple(self.children_specs)))

    def __repr__(self):
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


class LeafSpec(TreeSpec):
    """The form of a leaf."""

    def __init__(self):
        super().__init__(None, None, [])
        self.num_leaves = 1

    def is_leaf(self):
        return True

    def __repr__(self):
        return "*"


PyTreeSpec = TreeSpec


def _is_named(tree):
    return isinstance(tree, tuple) and hasattr(tree, "_fields")


def _of_dict(kind):
    return (
        lambda tree: (list(tree.values()), list(tree)),
        lambda parts, keys: kind(zip(keys, parts)),
    )


#: Type of a node -> (node -> (parts, context), (parts, context) -> node).
SUPPORTED_NODES = {
    tuple: (lambda tree: (list(tree), None), lambda parts, _: tuple(parts)),
    list: (lambda tree: (list(tree), None), lambda parts, _: list(parts)),
    dict: _of_dict(dict),
    OrderedDict: _of_dict(OrderedDict),
    defaultdict: (
        lambda tree: (list(tree.values()), (tree.default_factory, list(tree))),
        lambda parts, context: defaultdict(context[0], zip(context[1], parts)),
    ),
    deque: (lambda tree: (list(tree), tree.maxlen), lambda parts, size: deque(parts, size)),
}


def register_pytree_node(cls, flatten_fn, unflatten_fn, **kwargs):
    """Let objects of a class be nodes: flatten_fn(node) -> (parts, context), and back."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = flatten_fn, unflatten_fn


def _handlers(tree, is_leaf):
    if is_leaf is not None and is_leaf(tree):
        return None
    if _is_named(tree):
        return lambda node: (list(node), type(node)), lambda parts, kind: kind(*parts)
    return SUPPORTED_NODES.get(type(tree))


def tree_flatten(tree, is_leaf=None):
    """(the leaves in order, the form)"""
    leaves = []
    return leaves, _flatten_into(tree, leaves, is_leaf)


def _flatten_into(tree, leaves, is_leaf):
    handlers = _handlers(tree, is_leaf)
    if handlers is None:
        leaves.append(tree)
        return LeafSpec()
    parts, context = handlers[0](tree)
    kind = tuple if _is_named(tree) else type(tree)
    return TreeSpec(kind, context, [_flatten_into(part, leaves, is_leaf) for part in parts])


def tree_unflatten(leaves, treespec):
    """The tree of a form with these leaves."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec "
            f"refers to a pytree that holds {treespec.num_leaves} items ({treespec})."
        )
    return _rebuild(iter(leaves), treespec)


def _rebuild(leaves, spec):
    if spec.is_leaf():
        return next(leaves)
    parts = [_rebuild(leaves, child) for child in spec.children_specs]
    if spec.type is tuple and spec.context is not None:
        return spec.context(*parts)
    return SUPPORTED_NODES[spec.type][1](parts, spec.context)


def tree_leaves(tree, is_leaf=None):
    """The leaves in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree, is_leaf=None):
    """An iterator over the leaves."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree, is_leaf=None):
    """The form."""
    return tree_flatten(tree, is_leaf)[1]


def tree_is_leaf(tree, is_leaf=None):
    """Whether a tree is one leaf."""
    return _handlers(tree, is_leaf) is None


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree of func(leaf, *corresponding leaves of the rest)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = []
    for rest in rests:
        found, other = tree_flatten(rest, is_leaf)
        if other != spec:
            raise ValueError(f"Node type mismatch; expected {spec}, but got {other}.")
        others.append(found)
    return tree_unflatten([func(*items) for items in zip(leaves, *others)], spec)


def tree_map_only(type_or_types, func, tree, is_leaf=None):
    """The tree with func(leaf) for leaves of a type, others as they are."""
    return tree_map(lambda x: func(x) if isinstance(x, type_or_types) else x, tree, is_leaf=is_leaf)


def tree_all(predicate, tree, is_leaf=None):
    """Whether predicate(leaf) holds for all leaves."""
    return all(map(predicate, tree_leaves(tree, is_leaf)))


def tree_any(predicate, tree, is_leaf=None):
    """Whether predicate(leaf) holds for a leaf."""
    return any(map(predicate, tree_leaves(tree, is_leaf)))
