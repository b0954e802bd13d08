"""Smooth problems without constraints, over free unknowns: kernels for one method, and its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from ..build import add, inner
from ..differentiate import gradients
from ..node import Node, Variable, variable, variables
from ..reparametrise import Reparametrised
from ..second import second_derivative
from ..sizes import ONE
from .instance import Instance
from .lengths import lengths
from .options import Options


@final
class Free:
    """A problem over free unknowns with its kernels: what one method needs."""

    def __init__(self, free: Reparametrised, plan: Any, backend: str) -> None:
        from ..kernels.compile import compile_nodes
        from ..kernels.oracle import VALUE, direction_name, gradient_key, hessian_key, hvp_key

        self.free, self.plan = free, plan
        unknowns = free.unknowns
        names = [v.name for v in unknowns]
        slopes = gradients(free.objective, unknowns)
        self.nodes: dict[str, Node] = {VALUE: free.objective}
        self.nodes.update({gradient_key(v.name): g for v, g in zip(unknowns, slopes, strict=True)})
        self.blocks: dict[str, Node] = {}
        self.products: dict[str, Node] = {}
        if plan.needs_hessian:
            for i, v in enumerate(unknowns):
                for u in unknowns[i:]:
                    self.blocks[hessian_key(v.name, u.name)] = second_derivative(slopes[i], v, u)
        bends = {v for block in self.blocks.values() for v in variables(block)}
        self.quadratic = bool(self.blocks) and not bends & set(unknowns)
        if plan.needs_hvp:
            directions = {v: variable(direction_name(v.name), v.shape) for v in unknowns}
            for v in unknowns:
                self.products[hvp_key(v.name)] = _mixed_product(free.objective, v, directions)
        self.value_gradient = compile_nodes(self.nodes, unknowns=names, backend=backend)
        self.hessian = compile_nodes(self.blocks, unknowns=names, backend=backend) if self.blocks else None
        extra = [direction_name(n) for n in names]
        self.hvp = (
            compile_nodes(self.products, unknowns=[*names, *extra], backend=backend)
            if self.products
            else None
        )

    def run(self, instance: Instance, point: Mapping[str, Any], options: Options) -> tuple[Any, Any]:
        """Minimise from a point and certify: SciPy's result and the arrays of the statement's unknowns."""
        from ..kernels.batches import RowBatches
        from ..kernels.certificate import certify_statement
        from ..kernels.optimizers.driver import minimize as drive
        from ..kernels.oracle import Layout, oracle_of

        layout = Layout.of({v.name: instance.binding.shape(v.shape) for v in self.free.unknowns})
        sizes, data = instance.sizes, instance.data

        def bound(kernel: Any) -> Any:
            if kernel is None:
                return None
            known = {v for v in kernel.variables if v not in kernel.unknowns}
            wanted = {s.name for s in kernel.symbols} - known
            given = {k: a for k, a in data.items() if k in known}
            return kernel.bind({**{k: n for k, n in sizes.items() if k in wanted}, **given}, convert=True)

        value_gradient = bound(self.value_gradient)
        settings = dict(options.driver())
        known = lengths(self.plan.method, instance, options.of_method)
        if known is not None:
            settings["options"] = {**options.of_method, **known.options}
        batches = None
        if self.plan.needs_batches:
            batches = RowBatches(value_gradient, layout)
            settings["options"] = {"seed": options.seed, **options.of_method}
        oracle = oracle_of(
            layout,
            value_gradient,
            hessian=bound(self.hessian),
            hvp=bound(self.hvp),
            batches=batches,
        )
        witness = oracle_of(layout, value_gradient)  # the same kernel, counted apart
        statement = {**self.nodes, **self.blocks}
        arrays = instance.arrays

        proved = not any(v.facts for v in instance.posed.unknowns) and instance.facts.is_convex
        strong = instance.facts.sphere(instance) if proved else 0.0

        def judge(x: Any, magnitude: float, since: Any) -> Any:
            instance.latest = lambda: self.free.forward(layout.unpack(x))
            return certify_statement(
                statement,
                arrays,
                layout.unpack(x),
                compiled=lambda point: witness.value_gradient(point)[1],
                magnitude=magnitude,
                tolerance=options.tolerance,
                proved=proved,
                attained=strong > 0.0,
                strong=strong,
                quadratic=self.quadratic,
                since=since,
            )

        x0 = layout.pack(self.free.backward(point))
        result: Any = drive(oracle, x0, self.plan.method, certificate=judge, **settings)
        if known is not None:
            result.step, result.step_from = known.options["learning_rate"], known.reason
        return result, self.free.forward(layout.unpack(result.x))


def _mixed_product(objective: Node, v: Variable, directions: Mapping[Variable, Variable]) -> Node:
    """The part of the Hessian–vector product that belongs to one unknown: Σ_u ∇²_{vu} f · d_u."""
    slopes = gradients(objective, list(directions))
    along = add([(ONE, inner(g, directions[u])) for u, g in zip(directions, slopes, strict=True)], ())
    return gradients(along, [v])[0]
