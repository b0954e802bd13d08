"""What kernels call, as plain loops of the same meaning: a solver file has neither LLVM intrinsics nor our tiles."""

from __future__ import annotations

import inspect

PLAIN = (
    "acos acosh asin asinh atan atanh cos cosh erf erfc exp expm1 lgamma log log1p sin sinh sqrt tan tanh"
).split()

LIBRARY = {
    "sigmoid": '''
@compiled
def sigmoid(x):
    """1 / (1 + e⁻ˣ), through e^−|x| so that nothing overflows."""
    e = math.exp(-abs(x))
    return e / (1.0 + e) if x < 0.0 else 1.0 / (1.0 + e)
''',
    "softplus": '''
@compiled
def softplus(x):
    """log(1 + eˣ)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
''',
    "cosigmoid": '''
@compiled
def cosigmoid(x):
    """1 / (1 + eˣ)."""
    e = math.exp(-abs(x))
    return 1.0 / (1.0 + e) if x < 0.0 else e / (1.0 + e)
''',
    "larger": '''
@compiled
def larger(a, b):
    """The larger number; NaN where either is."""
    return a if a > b or a != a else b
''',
    "smaller": '''
@compiled
def smaller(a, b):
    """The smaller number; NaN where either is."""
    return a if a < b or a != a else b
''',
    "clear": '''
@compiled
def clear(array):
    """Zeros."""
    array[...] = 0.0
''',
    "accumulate": '''
@compiled
def accumulate(total, part):
    """total += part."""
    for i in range(total.shape[0]):
        total[i] += part[i]
''',
    "combined": '''
@compiled
def combined(tree, depth, chunk, chunks):
    """The sums of chunks in a fixed tree: the last rows added up as far as they are complete; how many are left."""
    pairs = chunk + 1
    while depth > 1 and (pairs % 2 == 0 or chunk == chunks - 1):
        for i in range(tree.shape[1]):
            tree[depth - 2, i] += tree[depth - 1, i]
        depth -= 1
        pairs //= 2
    return depth
''',
    "assign": '''
@compiled
def assign(out, given):
    """out = given, of the same shape; both lie in row order."""
    into, source = out.ravel(), given.ravel()
    for i in range(into.size):
        into[i] = source[i]
''',
    "empty": '''
@compiled
def empty(shape):
    """Room for an array, compiled once for each number of axes: in every caller it costs a tenth of a second."""
    return np.empty(shape)
''',
    "shaped": '''
@compiled
def shaped(array, shape):
    """The entries of an array in row order, in another shape."""
    return array.reshape(shape)
''',
    "take": '''
@compiled
def take(turns, place):
    """The number at a place, which is one more from then on; on one thread."""
    turns[place] += 1
    return turns[place] - 1
''',
    "taken": '''
@compiled
def taken(turns, place):
    """The number at a place."""
    return turns[place]
''',
    "gemm": '''
@compiled
def gemm(left, right, out):
    """out = left · right."""
    product = np.dot(left, right)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = product[i, j]
''',
    "gemm_add": '''
@compiled
def gemm_add(left, right, out):
    """out += left · right."""
    product = np.dot(left, right)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += product[i, j]
''',
    "gemm_ahead": '''
@compiled
def gemm_ahead(left, right, out, rows):
    """out = left · right; nothing is fetched here."""
    product = np.dot(left, right)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = product[i, j]
''',
    "gemm_add_ahead": '''
@compiled
def gemm_add_ahead(left, right, out, rows):
    """out += left · right; nothing is fetched here."""
    product = np.dot(left, right)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += product[i, j]
''',
    "weighted_products": '''
@compiled
def weighted_products(a, b, x, c, work, out):
    """out = (x ∘ (a b)) cᵀ."""
    product = np.dot(a, b)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            work[i, j] = product[i, j] * x[i, j]
    found = np.dot(work, c.T)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = found[i, j]
''',
    "twice_weighted_products": '''
@compiled
def twice_weighted_products(a, b, x, y, c, work, out):
    """out = (x ∘ y ∘ (a b)) cᵀ."""
    product = np.dot(a, b)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            work[i, j] = product[i, j] * x[i, j] * y[i, j]
    found = np.dot(work, c.T)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = found[i, j]
''',
    "full_width": '''
@compiled
def full_width():
    """Nothing to arrange here."""
''',
    "dot_rows": '''
@compiled
def dot_rows(block, w, z):
    """zᵢ = Σⱼ blockᵢⱼ wⱼ."""
    for i in range(block.shape[0]):
        total = 0.0
        for j in range(block.shape[1]):
            total += block[i, j] * w[j]
        z[i] = total
''',
    "add_rows": '''
@compiled
def add_rows(block, r, g):
    """gⱼ += Σᵢ rᵢ blockᵢⱼ."""
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            g[j] += r[i] * block[i, j]
''',
    "alongside": '''
@compiled
def alongside(rows, vector):
    """The vector: where it lies does not matter here."""
    return vector
''',
    "add_then_dot": '''
@compiled
def add_then_dot(block, r, g, after, w, z):
    """gⱼ += Σᵢ rᵢ blockᵢⱼ, then zᵢ = Σⱼ afterᵢⱼ wⱼ."""
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            g[j] += r[i] * block[i, j]
    for i in range(after.shape[0]):
        total = 0.0
        for j in range(after.shape[1]):
            total += after[i, j] * w[j]
        z[i] = total
''',
    "room_alongside": '''
@compiled
def room_alongside(rows, count):
    """Room for as many rows."""
    return np.empty((count, rows.shape[1]), rows.dtype)
''',
    "add_then_keep": '''
@compiled
def add_then_keep(kept, m, r, g, after, w, z):
    """gⱼ += Σᵢ rᵢ keptᵢⱼ for the first m rows, then keptᵢ = afterᵢ and zᵢ = Σⱼ afterᵢⱼ wⱼ."""
    for i in range(m):
        for j in range(g.shape[0]):
            g[j] += r[i] * kept[i, j]
    for i in range(after.shape[0]):
        total = 0.0
        for j in range(after.shape[1]):
            total += after[i, j] * w[j]
            kept[i, j] = after[i, j]
        z[i] = total
''',
    "mix_rows": '''
@compiled
def mix_rows(matrix, block, m, out):
    """outᵢᵣ = Σⱼ Pᵢⱼ Vⱼᵣ for the first m rows."""
    for i in range(matrix.shape[0]):
        for r in range(m):
            out[i, r] = 0.0
        for j in range(matrix.shape[1]):
            for r in range(m):
                out[i, r] += matrix[i, j] * block[j, r]
''',
    "cross_rows": '''
@compiled
def cross_rows(left, right, m, out):
    """outᵢⱼ += Σᵣ Aᵢᵣ Bⱼᵣ; B may be a vector."""
    for i in range(left.shape[0]):
        if right.ndim == 1:
            total = 0.0
            for r in range(m):
                total += left[i, r] * right[r]
            out[i] += total
        else:
            for j in range(right.shape[0]):
                total = 0.0
                for r in range(m):
                    total += left[i, r] * right[j, r]
                out[i, j] += total
''',
    "cross_rows_symmetric": '''
@compiled
def cross_rows_symmetric(left, right, m, out):
    """outᵢⱼ += Σᵣ Aᵢᵣ Bⱼᵣ where that is symmetric."""
    for i in range(left.shape[0]):
        for j in range(i + 1):
            total = 0.0
            for r in range(m):
                total += left[i, r] * right[j, r]
            out[i, j] += total
            if j < i:
                out[j, i] += total
''',
    "turn_rows": '''
@compiled
def turn_rows(block, out):
    """outⱼᵣ = blockᵣⱼ."""
    for r in range(block.shape[0]):
        for j in range(block.shape[1]):
            out[j, r] = block[r, j]
''',
    "moments_rows": '''
@compiled
def moments_rows(block, weights, m, out):
    """outᵢⱼ += Σᵣ wᵣ Vᵢᵣ Vⱼᵣ."""
    for i in range(block.shape[0]):
        for j in range(i + 1):
            total = 0.0
            for r in range(m):
                total += weights[r] * block[i, r] * block[j, r]
            out[i, j] += total
            if j < i:
                out[j, i] += total
''',
    "form_rows": '''
@compiled
def form_rows(matrix, block, m, out):
    """outᵣ = Σᵢⱼ Pᵢⱼ Vᵢᵣ Vⱼᵣ for the first m rows, P symmetric."""
    for r in range(m):
        out[r] = 0.0
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            weight = matrix[i, j] if i == j else 2.0 * matrix[i, j]
            for r in range(m):
                out[r] += weight * block[i, r] * block[j, r]
''',
    "cross_rows_about": '''
@compiled
def cross_rows_about(block, centre, weights, m, out):
    """outᵢ += Σᵣ wᵣ (Vᵢᵣ − cᵢ)."""
    for i in range(block.shape[0]):
        total = 0.0
        for r in range(m):
            total += weights[r] * (block[i, r] - centre[i])
        out[i] += total
''',
    "moments_rows_about": '''
@compiled
def moments_rows_about(block, centre, weights, m, out):
    """outᵢⱼ += Σᵣ wᵣ (Vᵢᵣ − cᵢ)(Vⱼᵣ − cⱼ)."""
    for i in range(block.shape[0]):
        for j in range(i + 1):
            total = 0.0
            for r in range(m):
                total += weights[r] * (block[i, r] - centre[i]) * (block[j, r] - centre[j])
            out[i, j] += total
            if j < i:
                out[j, i] += total
''',
    "form_rows_about": '''
@compiled
def form_rows_about(matrix, block, centre, m, out):
    """outᵣ = Σᵢⱼ Pᵢⱼ (Vᵢᵣ − cᵢ)(Vⱼᵣ − cⱼ) for the first m rows, P symmetric."""
    for r in range(m):
        out[r] = 0.0
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            weight = matrix[i, j] if i == j else 2.0 * matrix[i, j]
            for r in range(m):
                out[r] += weight * (block[i, r] - centre[i]) * (block[j, r] - centre[j])
''',
    "potrf": '''
@compiled
def potrf(matrix):
    """The Cholesky factor in place of the lower triangle, 64 columns at a time; NaN where there is none.

    Further rows B below become B L⁻ᵀ.
    """
    rows, size = matrix.shape
    for first in range(0, size, 64):
        last = min(first + 64, size)
        if first > 0:
            left = np.ascontiguousarray(matrix[first:, :first])
            product = np.dot(left, left[: last - first].T)
            for i in range(product.shape[0]):
                for j in range(product.shape[1]):
                    matrix[first + i, first + j] -= product[i, j]
        for i in range(first, rows):
            for j in range(first, min(i + 1, last)):
                rest = matrix[i, j]
                for k in range(first, j):
                    rest -= matrix[i, k] * matrix[j, k]
                if i > j:
                    matrix[i, j] = rest / matrix[j, j]
                elif rest > 0.0:
                    matrix[i, i] = math.sqrt(rest)
                else:
                    matrix[0, 0] = math.nan
                    return
''',
    "potri": '''
@compiled
def potri(factor):
    """The lower triangle of the inverse in place of a Cholesky factor."""
    size = factor.shape[0]
    column, found = empty((size,)), empty((size, size))
    for c in range(size):
        for i in range(size):
            column[i] = 1.0 if i == c else 0.0
        for i in range(size):
            for k in range(i):
                column[i] -= factor[i, k] * column[k]
            column[i] /= factor[i, i]
        for k in range(size):
            i = size - 1 - k
            for j in range(i + 1, size):
                column[i] -= factor[j, i] * column[j]
            column[i] /= factor[i, i]
        for i in range(size):
            found[i, c] = column[i]
    for i in range(size):
        for j in range(i + 1):
            factor[i, j] = found[i, j]
''',
    "potrs": '''
@compiled
def potrs(factor, right):
    """Every row of `right` solved for, in place, by a Cholesky factor."""
    size = factor.shape[0]
    for r in range(right.shape[0]):
        for i in range(size):
            for k in range(i):
                right[r, i] -= factor[i, k] * right[r, k]
            right[r, i] /= factor[i, i]
        for k in range(size):
            i = size - 1 - k
            for j in range(i + 1, size):
                right[r, i] -= factor[j, i] * right[r, j]
            right[r, i] /= factor[i, i]
''',
    "syrk_ahead": '''
@compiled
def syrk_ahead(block, factor, out, rows):
    """out += factor · blockᵀ block; nothing is fetched here."""
    product = np.dot(block.T, block)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += factor * product[i, j]
''',
    "syrk": '''
@compiled
def syrk(block, factor, out):
    """out += factor · blockᵀ block."""
    product = np.dot(block.T, block)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += factor * product[i, j]
''',
}


def library_text(name: str) -> str:
    """The source of a function that kernels call, without LLVM: that of the library where it is plain Python."""
    from .. import library

    if name in LIBRARY:
        return LIBRARY[name].strip("\n")
    source = inspect.getsource(getattr(library, name).py_func)
    return "@compiled\n" + source[source.index("def ") :].rstrip()
