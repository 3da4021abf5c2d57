"""Which names a function binds: Python decides from the text alone what is local."""

import ast
import functools


class Scope:
    """The names of one function (or comprehension): local, and declared global or nonlocal."""

    def __init__(self):
        self.local = set()
        self.declared_global = set()
        self.declared_nonlocal = set()


@functools.lru_cache(maxsize=4096)
def scope_of(node):
    """The scope of a function, a lambda or a comprehension."""
    collector = _Collector()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            collector.bind(argument.arg)
        for argument in (arguments.vararg, arguments.kwarg):
            if argument is not None:
                collector.bind(argument.arg)
        for part in node.body if isinstance(node.body, list) else [node.body]:
            collector.visit(part)
    else:
        for generator in node.generators:
            collector.visit(generator.target)
    scope = collector.scope
    scope.local -= scope.declared_global | scope.declared_nonlocal
    return scope


class _Collector(ast.NodeVisitor):
    """Collects what is bound in one scope; does not enter functions and classes in it."""

    def __init__(self):
        self.scope = Scope()

    def bind(self, name):
        if name is not None:
            self.scope.local.add(name)

    def visit_Name(self, node):
        if not isinstance(node.ctx, ast.Load):
            self.bind(node.id)

    def visit_Global(self, node):
        self.scope.declared_global.update(node.names)

    def visit_Nonlocal(self, node):
        self.scope.declared_nonlocal.update(node.names)

    def _definition(self, node):
        self.bind(node.name)
        for part in (*node.decorator_list, *getattr(node, "bases", ())):
            self.visit(part)
        if hasattr(node, "args"):
            self._defaults(node.args)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition

    def visit_Lambda(self, node):
        self._defaults(node.args)

    def _defaults(self, arguments):
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.visit(default)

    def _comprehension(self, node):
        """Of a comprehension only walrus targets are bound in the scope around it."""
        for part in ast.walk(node):
            if isinstance(part, ast.NamedExpr):
                self.bind(part.target.id)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _import(self, node):
        for alias in node.names:
            self.bind(alias.asname or alias.name.partition(".")[0])

    visit_Import = visit_ImportFrom = _import

    def visit_ExceptHandler(self, node):
        self.bind(node.name)
        self.generic_visit(node)

    def _capture(self, node):
        self.bind(node.name)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = _capture

    def visit_MatchMapping(self, node):
        self.bind(node.rest)
        self.generic_visit(node)
