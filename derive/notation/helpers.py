"""Functions that NumPy, JAX or PyTorch lack, written out in front of a generated function that needs them."""

from __future__ import annotations

_SHARE = '''def {name}_share(x, {axis}=None):
    """1/k at each of the k {word} entries, else 0: a subgradient of the {word} entry."""
    hits = {m}.asarray(x == {m}.{extreme}(x, {axis}={axis}, {keep}=True), dtype=x.dtype)
    return hits / {m}.sum(hits, {axis}={axis}, {keep}=True)'''

_TAKE = '''def take(x, places, axis):
    """Entries along an axis, picked by whole numbers."""
    return x[(slice(None),) * axis + ({whole},)]'''

_SCATTER_ADD = '''def scatter_add(x, places, axis, size):
    """Entries along an axis added up at their places on one of that size."""
    more = axis + places.ndim
    z = {zeros}((*x.shape[:axis], size, *x.shape[more:]){like})
    {add}
    return z'''

_WINDOWS = '''def windows(x, axis, size, stride=1):
    """Sliding windows along an axis, their entries along a new last axis."""
    starts = {m}.arange(0, x.shape[axis] - size + 1, stride)
    places = starts[:, None] + {m}.arange(size)
    return {m}.moveaxis(x[(slice(None),) * axis + (places,)], axis + 1, -1)'''

_OVERLAP_ADD = '''def overlap_add(x, axis, size, stride=1):
    """Windows added back along the axis, which gets that size."""
    z = {zeros}((*x.shape[:axis], size, *x.shape[axis + 1 : -1]){like})
    for r in range(x.shape[-1]):
        places = (slice(None),) * axis + (slice(r, r + stride * x.shape[axis], stride),)
        {add}
    return z'''

_PLACE = '''def place(x, shape, *entries):
    """x within zeros of that shape: per axis at a position, or at (start, count, step)."""
    picks = [(e, 1, 1) if isinstance(e, int) else e for e in entries]
    places = {grid}(*(start + step * {m}.arange(count) for start, count, step in picks){indexing})
    values = x.reshape([count for _, count, _ in picks])
    {add}'''


def _helpers(m: str) -> dict[str, str]:
    """All helpers for the module of that name."""
    torch, jax = m == "torch", m == "jnp"
    zeros = "x.new_zeros" if torch else f"{m}.zeros"
    like = "" if torch else ", x.dtype"
    axis, keep = ("dim", "keepdim") if torch else ("axis", "keepdims")
    whole = "places.long()" if torch else f"{m}.asarray(places, dtype=int)"
    if torch:
        scattered = (
            "z.index_add_(axis, places.long().reshape(-1), x.reshape(*x.shape[:axis], -1, *x.shape[more:]))"
        )
    else:
        where = f"(slice(None),) * axis + ({whole},)"
        scattered = f"z = z.at[{where}].add(x)" if jax else f"np.add.at(z, {where}, x)"
    placed = f"{zeros}(shape{like})"
    found = {
        "take": _TAKE.format(whole=whole),
        "scatter_add": _SCATTER_ADD.format(zeros=zeros, like=like, add=scattered),
        "windows": _WINDOWS.format(m=m),
        "overlap_add": _OVERLAP_ADD.format(
            zeros=zeros, like=like, add="z = z.at[places].add(x[..., r])" if jax else "z[places] += x[..., r]"
        ),
        "place": _PLACE.format(
            m=m,
            grid="torch.meshgrid" if torch else f"{m}.ix_",
            indexing=', indexing="ij"' if torch else "",
            add=f"return {placed}.at[places].set(values)"
            if jax
            else f"z = {placed}\n    z[places] = values\n    return z",
        ),
    }
    for name, word in (("max", "largest"), ("min", "smallest")):
        extreme = f"a{name}" if torch else name
        found[f"{name}_share"] = _SHARE.format(
            name=name, word=word, m=m, extreme=extreme, axis=axis, keep=keep
        )
    return found


HELPERS = {"numpy": _helpers("np"), "jax": _helpers("jnp"), "torch": _helpers("torch")}
