"""Where a check can be mutated: its steps, and what it verifies.

A **step** is a ``with probe.step(...)`` block. A **verification** is whatever can say no: a ``raise``, a call of
``fail``, ``warn``, ``compare``, ``shape`` or ``expect_…``, and each operand of an ``or`` that guards one of these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

_VERIFYING = ("fail", "warn", "compare", "shape")
_VERIFYING_PREFIX = "expect_"
#: Calls that walk steps of their own, in pytest_floe.
WALKS = ("reach", "reach_url", "driver")


@dataclass(frozen=True)
class Site:
    """A place in a module of the checks. ``function`` is the outermost one around it; ``text`` is what stands there.

    ``cause`` is the cause that it would find, where the source names one; ``step`` names a step, or what walks
    several.
    """

    module: str
    line: int
    column: int
    function: str
    what: str
    text: str = field(compare=False)
    cause: str | None = field(default=None, compare=False)
    step: str | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        return f"{self.module}:{self.line}:{self.column}:{self.what}"

    @property
    def place(self) -> str:
        folder = "pytest_floe" if self.module in ("network", "probe") else "checks"
        return f"{folder}/{self.module}.py:{self.line}"


def is_step(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step"


def is_walk(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WALKS


def called(node: ast.Call) -> str:
    """Return the last part of the name of what ``node`` calls."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_verifying_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and (called(node) in _VERIFYING or called(node).startswith(_VERIFYING_PREFIX))


def guarded(node: ast.If) -> list[ast.expr]:
    """Return the operands of an ``or`` that guards a verification; none if there is just one condition."""
    says_no = any(
        isinstance(statement, ast.Raise) or (isinstance(statement, ast.Expr) and is_verifying_call(statement.value))
        for statement in node.body
    )
    return (
        node.test.values if says_no and isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or) else []
    )


def cause_in(node: ast.AST) -> str | None:
    """Return the first text in ``node`` that looks like a cause."""
    texts = [leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)]
    return next((text for text in texts if text.replace(".", "").replace("_", "").isalpha() and "." in text), None)


def bound_in(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names and attributes that ``statements`` bind where they stand, not in functions of their own."""
    queue: list[ast.AST] = list(statements)
    while queue:
        node = queue.pop(0)
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield ast.unparse(node)
        inner = isinstance(
            node, ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        )
        queue += [] if inner else list(ast.iter_child_nodes(node))


def returns_in(statements: list[ast.stmt]) -> bool:
    """Tell whether ``statements`` may end the function around them."""
    queue: list[ast.AST] = list(statements)
    while queue:
        node = queue.pop(0)
        if isinstance(node, ast.Return):
            return True
        queue += [] if isinstance(node, ast.FunctionDef | ast.Lambda) else list(ast.iter_child_nodes(node))
    return False
