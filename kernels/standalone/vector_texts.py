"""Vectors and matrices in the optimizer of a solver file: plain loops that mean what `optimizers.vectors` means.

Each is compiled once and called by its symbol. Whole-array expressions would be compiled anew wherever they stand.
"""

from __future__ import annotations

VECTORS = {
    "dot": '''
def dot(a, b):
    """aᵀb"""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total
''',
    "norm": '''
def norm(a):
    """‖a‖"""
    total = 0.0
    for i in range(a.size):
        total += a[i] * a[i]
    return math.sqrt(total)
''',
    "distance": '''
def distance(a, b):
    """‖a − b‖"""
    total = 0.0
    for i in range(a.size):
        total += (a[i] - b[i]) * (a[i] - b[i])
    return math.sqrt(total)
''',
    "along": '''
def along(x, t, p):
    """x + tp"""
    found = empty((x.size,))
    for i in range(x.size):
        found[i] = x[i] + t * p[i]
    return found
''',
    "scaled": '''
def scaled(t, p):
    """tp"""
    found = empty((p.size,))
    for i in range(p.size):
        found[i] = t * p[i]
    return found
''',
    "put": '''
def put(rows, i, v):
    """Row i of a matrix becomes v."""
    for j in range(v.size):
        rows[i, j] = v[j]
''',
    "zeros": '''
def zeros(size):
    """A vector of zeros."""
    found = empty((size,))
    for i in range(size):
        found[i] = 0.0
    return found
''',
    "product": '''
def product(a, b):
    """a ∘ b"""
    found = empty((a.size,))
    for i in range(a.size):
        found[i] = a[i] * b[i]
    return found
''',
    "quotient": '''
def quotient(a, b):
    """aᵢ / bᵢ"""
    found = empty((a.size,))
    for i in range(a.size):
        found[i] = a[i] / b[i]
    return found
''',
    "times": '''
def times(m, v):
    """Mv"""
    found = empty((m.shape[0],))
    for i in range(m.shape[0]):
        total = 0.0
        for j in range(m.shape[1]):
            total += m[i, j] * v[j]
        found[i] = total
    return found
''',
    "turned_times": '''
def turned_times(m, v):
    """Mᵀv"""
    found = empty((m.shape[1],))
    for j in range(m.shape[1]):
        total = 0.0
        for i in range(m.shape[0]):
            total += m[i, j] * v[i]
        found[j] = total
    return found
''',
    "divided": '''
def divided(m, scale):
    """mᵢⱼ / (dᵢ dⱼ)"""
    found = empty(m.shape)
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            found[i, j] = m[i, j] / scale[j] / scale[i]
    return found
''',
    "columns_divided": '''
def columns_divided(m, scale):
    """mᵢⱼ / dⱼ"""
    found = empty(m.shape)
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            found[i, j] = m[i, j] / scale[j]
    return found
''',
    "greater": '''
def greater(a, b):
    """The larger of aᵢ and bᵢ."""
    found = empty((a.size,))
    for i in range(a.size):
        found[i] = a[i] if a[i] > b[i] or a[i] != a[i] else b[i]
    return found
''',
    "lengths": '''
def lengths(J):
    """The lengths of the columns, 1 for a column of zeros."""
    found = empty((J.shape[1],))
    for j in range(found.size):
        total = 0.0
        for i in range(J.shape[0]):
            total += J[i, j] * J[i, j]
        found[j] = math.sqrt(total) if total > 0.0 else 1.0
    return found
''',
    "angle": '''
def angle(r, J):
    """The largest cosine between the residual and a column of the Jacobian: 0 at a stationary point."""
    size, largest = 0.0, 0.0
    for i in range(r.size):
        size += r[i] * r[i]
    if size == 0.0:
        return 0.0
    for j in range(J.shape[1]):
        slope, length = 0.0, 0.0
        for i in range(r.size):
            slope += J[i, j] * r[i]
            length += J[i, j] * J[i, j]
        if length > 0.0:
            largest = max(largest, abs(slope) / math.sqrt(length))
    return largest / math.sqrt(size)
''',
    "damping": '''
def damping(s, a, radius):
    """μ ≥ 0 with ‖s a / (s² + μ)‖ = Δ, by Newton's method on 1/Δ − 1/‖·‖."""
    tiny = EPS * s[0] * s.size
    size, most = 0.0, 0.0
    for i in range(s.size):
        if s[i] > tiny:
            size += (a[i] / s[i]) * (a[i] / s[i])
        most += (s[i] * a[i]) * (s[i] * a[i])
    if math.sqrt(size) <= radius:
        return 0.0
    low, high = 0.0, math.sqrt(most) / radius
    mu = 1e-3 * high
    for _ in range(60):
        square, slope = 0.0, 0.0
        for i in range(s.size):
            weight = s[i] * s[i] + mu
            p = s[i] * a[i] / weight
            square += p * p
            slope -= p * p / weight
        length = math.sqrt(square)
        if abs(length - radius) <= 0.05 * radius:
            break
        if length > radius:
            low = mu
        else:
            high = mu
        mu = mu - (length / radius) * (length - radius) / (slope / length)
        if not low < mu < high:
            mu = max(1e-3 * high, math.sqrt(low * high))
    return mu
''',
    "undamped": '''
def undamped(s, a, tiny):
    """−a / s where s is above `tiny`, else 0."""
    found = empty((s.size,))
    for i in range(s.size):
        found[i] = -a[i] / s[i] if s[i] > tiny else 0.0
    return found
''',
    "damped": '''
def damped(s, a, mu):
    """−s a / (s² + μ)"""
    found = empty((s.size,))
    for i in range(s.size):
        found[i] = -s[i] * a[i] / (s[i] * s[i] + mu)
    return found
''',
    "same": '''
def same(a, b):
    """Whether all entries are equal."""
    for i in range(a.size):
        if not a[i] == b[i]:
            return False
    return True
''',
    "finite_entries": '''
def finite_entries(m):
    """Whether all entries of a matrix are finite."""
    total = 0.0
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            total += m[i, j] - m[i, j]
    return total == 0.0
''',
    "all_finite": '''
def all_finite(f, g):
    """Whether the value and every entry of the gradient are finite."""
    total = f - f
    for i in range(g.size):
        total += g[i] - g[i]
    return total == 0.0
''',
    "scaled_gradient": '''
def scaled_gradient(x, f, g, magnitude):
    """max_i |g_i| max(1, |x_i|) / max(|f|, magnitude), the relative gradient.

    To first order the relative change of f when x_i moves by its own size
    (Dennis & Schnabel, Numerical Methods for Unconstrained Optimization, 1983, eq. 7.2.5);
    `magnitude` is the typical size of f.
    """
    largest = 0.0
    for i in range(x.size):
        size = abs(g[i]) * max(1.0, abs(x[i]))
        if not size <= largest:
            largest = size
    if largest == 0.0:
        return 0.0
    return largest / max(abs(f), magnitude, 1e-300)
''',
    "maximised": '''
def maximised(weights, means, covariances, gw, gm, gS, scale):
    """Whether all components are alive, and the maximiser of the bound: weights, means, covariances.

    With counts c = w ∘ ∂w / s the mean moves by Δ = S ∂m / (s c), and S becomes S + 2 S ∂S S / (s c) − ΔΔᵀ.
    """
    d = means.shape[1]
    counts, new_means, new_covariances = empty((weights.size,)), empty(means.shape), empty(covariances.shape)
    move, half = empty((d,)), empty((d, d))
    total = 0.0
    for k in range(counts.size):
        counts[k] = weights[k] * gw[k] / scale
        total += counts[k]
        if not counts[k] > 0.0:
            return False, weights, means, covariances
        for i in range(d):
            move[i] = 0.0
            for j in range(d):
                move[i] += covariances[k, i, j] * gm[k, j] / (scale * counts[k])
                half[i, j] = 0.0
                for r in range(d):
                    half[i, j] += covariances[k, i, r] * gS[k, r, j]
        for i in range(d):
            new_means[k, i] = means[k, i] + move[i]
            for j in range(i + 1):
                turned = 0.0
                for r in range(d):
                    turned += half[i, r] * covariances[k, r, j]
                entry = covariances[k, i, j] + 2.0 / (scale * counts[k]) * turned - move[i] * move[j]
                new_covariances[k, i, j] = entry
                new_covariances[k, j, i] = entry
    for k in range(counts.size):
        counts[k] /= total
    return True, counts, new_means, new_covariances
''',
}
