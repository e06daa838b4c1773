"""Rewrites a module so that one compiled copy holds all mutants of it, each behind a switch (see switch.py).

Compiling each mutant on its own would take longer than running it.
"""

from __future__ import annotations

import ast
import copy

from tests.mutation.sites import (
    Site,
    bound_in,
    called,
    cause_in,
    guarded,
    is_step,
    is_verifying_call,
    is_walk,
    returns_in,
)

SWITCH = "_switch"


def instrument(module: str, source: str) -> tuple[ast.Module, list[Site]]:
    """Return the module with a switch at each site, and the sites."""
    rewriter = _Rewriter(module)
    tree = rewriter.visit(ast.parse(source))
    return ast.fix_missing_locations(tree), rewriter.sites


class _Rewriter(ast.NodeTransformer):
    def __init__(self, module: str) -> None:
        self.module = module
        self.sites: list[Site] = []
        self._scopes: list[str] = []
        self._in_function = False
        self._steps: list[str] = []  # ids of the steps around the statement that is visited

    # Where we are

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Leave out ``check``, which would register the mutant in the place of the original."""
        if node.module == "pytest_floe":
            node.names = [name for name in node.names if name.name != "check"]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._scoped(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        steps, self._steps = self._steps, []
        try:
            return self.generic_visit(node) if self._in_function else self._function(node)
        finally:
            self._steps = steps

    def _function(self, node: ast.FunctionDef) -> ast.AST:
        self._in_function = True
        try:
            return self._scoped(node)
        finally:
            self._in_function = False

    def _scoped(self, node: ast.ClassDef | ast.FunctionDef) -> ast.AST:
        self._scopes.append(node.name)
        try:
            return self.generic_visit(node)
        finally:
            self._scopes.pop()

    def _site(self, node: ast.AST, what: str, **more: str | None) -> ast.Constant:
        text = ast.unparse(node).partition("\n")[0][:100]
        place = (self.module, node.lineno, node.col_offset, ".".join(self._scopes), what)  # type: ignore[attr-defined]
        site = Site(*place, **{"text": text, "cause": cause_in(node), **more})  # type: ignore[arg-type]
        self.sites.append(site)
        return ast.Constant(site.id)

    # Steps

    def visit_With(self, node: ast.With) -> ast.AST:
        at = next((number for number, item in enumerate(node.items) if is_step(item.context_expr)), None)
        if at is None:
            return self.generic_visit(node)
        call = node.items[at].context_expr
        assert isinstance(call, ast.Call)
        name = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
        site = self._site(call, "step", step=name, cause=None)
        inner: list[ast.stmt] = [ast.With(node.items[at + 1 :], node.body)] if node.items[at + 1 :] else node.body
        names, returns = tuple(dict.fromkeys(bound_in(inner))), returns_in(inner)
        self._steps.append(str(site.value))
        body = [self.visit(statement) for statement in inner]
        self._steps.pop()
        node.items = [self.visit(item) for item in node.items[: at + 1]]
        node.body = _switched(site, _flat(body), names, returns=returns)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        if self._steps:
            node.value = _call("gives", ast.Constant(self._steps[-1]), node.value or ast.Constant(None))
        return node

    # Verifications

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.If(ast.UnaryOp(ast.Not(), _call("assumes", self._site(node, "raise"))), [node], [])

    def visit_If(self, node: ast.If) -> ast.AST:
        operands = guarded(node)
        sites = [self._site(operand, "operand", cause=cause_in(node.body[0])) for operand in operands]
        self.generic_visit(node)
        if operands:
            assert isinstance(node.test, ast.BoolOp)
            node.test.values = [
                ast.BoolOp(ast.And(), [operand, ast.UnaryOp(ast.Not(), _call("assumes", site))])
                for operand, site in zip(node.test.values, sites, strict=True)
            ]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if is_verifying_call(node) and self._in_function:
            site = self._site(node, "call")
            self.generic_visit(node)
            return _call("unchecked", site, node.func, *node.args, keywords=node.keywords)
        if is_walk(node) and self._in_function:
            site = self._site(node, "walk", step=called(node))
            self.generic_visit(node)
            return _call("walk", site, node.func, *node.args, keywords=node.keywords)
        return self.generic_visit(node)


def _call(name: str, *args: ast.expr, keywords: list[ast.keyword] | None = None) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name(SWITCH, ast.Load()), name, ast.Load()), list(args), keywords or [])


def _flat(statements: list[ast.stmt | list[ast.stmt]]) -> list[ast.stmt]:
    return [one for statement in statements for one in (statement if isinstance(statement, list) else [statement])]


def _switched(site: ast.Constant, body: list[ast.stmt], names: tuple[str, ...], *, returns: bool) -> list[ast.stmt]:
    """Return the body of a step, and instead of it what a healthy run bound, wherever a mutant leaves it out."""
    source = f"""
if {SWITCH}.removes({site.value!r}):
    ...
else:
    try:
        ...
    except Exception:
        if not {SWITCH}.swallows({site.value!r}):
            raise
        ...
    else:
        {SWITCH}.binds({site.value!r}, locals(), {names!r})
"""
    [switched] = ast.parse(source).body
    assert isinstance(switched, ast.If)
    [attempt] = switched.orelse
    assert isinstance(attempt, ast.Try)
    switched.body = _replayed(site, names, returns=returns)
    attempt.body = body
    attempt.handlers[0].body[1:] = _replayed(site, names, returns=returns)
    return [switched]


def _replayed(site: ast.Constant, names: tuple[str, ...], *, returns: bool) -> list[ast.stmt]:
    lines = [f"{SWITCH}.replays({site.value!r})"]
    lines += [
        f"if {SWITCH}.knows({site.value!r}, {name!r}): {name} = {SWITCH}.value({site.value!r}, {name!r})"
        for name in names
    ]
    if returns:
        lines.append(f"if {SWITCH}.returned({site.value!r}): return {SWITCH}.result({site.value!r})")
    return copy.deepcopy(ast.parse("\n".join(lines)).body)
