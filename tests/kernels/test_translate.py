"""Plain loops translated in one walk mean what they mean in Python; what is written otherwise is left to numba."""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys

from derive.kernels.cache import load

HEAD = (
    '"""Functions to be compiled."""\n\nimport math\n\nimport numpy as np\n\n'
    "from derive.kernels.library import compiled, empty, shaped\n\n"
)
#: Bodies over a matrix x, a vector y, a whole number k and a number t.
PLAIN = {
    "counting down": "s = 0.0\nfor i in range(y.shape[0] - 1, -1, -1):\n    s = 0.5 * s + y[i]\nreturn s",
    "indices from the end": "return y[-1] + 10.0 * y[k - 5] + x[-1, k - 3]",
    "slices end with their array": "z = y[2:99]\nw = y[-2:]\nreturn z.shape[0] + 10 * w.shape[0] + z[0] + w[1]",
    "empty slices": "return y[4:2].shape[0] + y[-99:1].shape[0]",
    "columns": "c = x[:, 1]\nr = x[1:, 0:2]\nreturn c[2] + 10.0 * r[1, 1] + 100.0 * r.shape[1]",
    "transposed": "z = x.T\nreturn z[1, 2] + shaped(x, (x.size,))[3] + z.shape[0]",
    "division rounds down": "return (-7) // k + 10 * ((-7) % k) + 100 * (7 // (-k)) + 1000 * (7 % (-k))",
    "division of whole numbers": "return k / 2 + 2**k + t**2 + t**-2 + t**0.5",
    "conditions stop early": "i = 99\nreturn 1.0 if i < y.shape[0] and y[i] > 0.0 else 2.0",
    "chains and choices": "return (1 if 0 < k < 9 and not t > 1e9 else 0) + min(k, 2, 7) + max(t, 1, 0.5)",
    "conditions are numbers": "return 3 * (t > 0.0) - (t < 0.0) + (k == 3)",
    "leaving loops": (
        "s = 0\nfor i in range(9):\n    if i == 2:\n        continue\n"
        "    if i > k:\n        break\n    s += i\nreturn s"
    ),
    "while": "s = 0\nwhile s < 20:\n    s += k\nelse_ = s\nreturn else_",
    "several results": "a, b = y[0], t\nb, a = a, b\nreturn a, b, y[1:3]",
    "the counter belongs to the loop": "s = 0\nfor i in range(4):\n    i += 5\n    s += i\nreturn s + i",
    "no turns": "for k in range(0):\n    s = 1\nreturn k",
    "a negative counter that stays": "i = -1\nfor i in range(0):\n    s = i\nreturn y[i]",
    "a few values": "s = 0.0\nfor v in (abs(y[0]), t, 2):\n    if v > s:\n        s = v\nreturn s",
    "an array that changes places": (
        "z = y[1:]\ns = 0.0\nfor i in range(k):\n    s += z[0]\n    if z[1] > -9.0:\n        z = z[1:]\nreturn s, z"
    ),
    "tuples with a name": (
        "z = np.empty(2)\nz[0] = t\nboth = (z, y[1:]), k\nfor i in range(k):\n    z[0] += both[0][1][i]\n"
        "pair, n = both\na, b = pair\nreturn a[0] + n, b"
    ),
    "numbers in an array": "z = np.empty(2)\nz[0] = k\nz[1] = t\nz[1] += 1\nreturn z[0] + z[1]",
    "library": "return math.exp(t) + abs(-t) + abs(-k) + np.sqrt(t) + int(-2.7) + float(k) + math.pi",
}
#: What numba does by itself.
OTHERWISE = {
    "a type that changes": "s = 0\nfor i in range(k):\n    s += 0.5\nreturn s",
    "whole arrays": "return y + y",
    "a tuple of an array that changes places": (
        "z = y[1:]\npair = z, t\nfor i in range(k):\n    if z[1] > -9.0:\n        z = np.empty(3)\n        z[1] = i\n"
        "return pair[0][0] + z[1]"
    ),
    "a tuple named in a block": "if t > 0.0:\n    pair = y, t\nelse:\n    pair = y, t\nreturn pair[0][1]",
    "an array of another kind": "z = y\nif t > 0.0:\n    z = x[:, 1]\nreturn z[0]",
}


def compiled(body: str) -> tuple[ModuleType, Any]:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    module = load(f"{HEAD}\n@compiled\ndef f(x, y, k, t):\n{lines}")
    return module, module.f.py_func


def data() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 4)), rng.normal(size=5), 3, 1.25


@pytest.mark.parametrize("name", [*PLAIN, *OTHERWISE])
def test_as_in_python(name: str) -> None:
    """The same numbers, of the same kinds."""
    module, plain = compiled({**PLAIN, **OTHERWISE}[name])
    found, wanted = module.f(*data()), plain(*data())
    for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (found, wanted)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    (result,) = (module.f.overloads[s] for s in module.f.signatures)
    assert (result.type_annotation == "") == (name in PLAIN), "who translated it"


def test_memory_is_given_back() -> None:
    """Arrays made in loops, returned, handed on and dropped."""
    module = load(
        f"{HEAD}\n@compiled\ndef part(n):\n    z = empty((n, 2), np.float64)\n    z[0, 0] = 1.0\n"
        "    return z, z[0]\n\n\n"
        "@compiled\ndef f(x, n):\n    s = 0.0\n    for i in range(n):\n        (z, r) = part(n)\n        c = z.copy()\n"
        "        if i == 3:\n            continue\n        if i == 6:\n            return s, r, x\n"
        "        s += r[0]\n        x = z\n        r = z[0]\n    return s, x[0], x\n"
    )
    x = np.ones((2, 3))
    _nrt_python.memsys_enable_stats()
    for n in (9, 4):
        module.f(x, n)
        gc.collect()
        before = rtsys.get_allocation_stats()
        s, row, same = module.f(x, n)
        assert (s, row[0], same.shape) == (5.0 if n == 9 else 3.0, 1.0, (n, 2))
        del row, same
        gc.collect()
        after = rtsys.get_allocation_stats()
        assert after.alloc - before.alloc == after.free - before.free > 0
    _nrt_python.memsys_disable_stats()


def test_several_turns_at_a_time() -> None:
    """Loops around elementary functions, at all lengths of what is left over."""
    module = load(
        f"{HEAD.replace('empty', 'empty, exp, full_width, tanh')}\n@compiled\ndef f(x, z):\n    full_width()\n"
        "    for i in range(x.shape[0]):\n        z[i] = tanh(2.0 * x[i])\n"
        "    s = 0.0\n    for i in range(x.shape[0]):\n        s += exp(x[i])\n    return s\n"
    )
    rng = np.random.default_rng(0)
    for n in (*range(26), 31, 32, 33, 40, 63, 64, 65, 72, 127, 128, 150):
        given = rng.normal(size=n)
        z = np.full(n + 1, 7.0)
        np.testing.assert_allclose(module.f(given, z), np.exp(given).sum(), rtol=1e-14)
        np.testing.assert_allclose(z, [*np.tanh(2 * given), 7.0], rtol=1e-14)


def test_a_step_of_zero_is_an_error() -> None:
    """As in Python, where the step is known only when the loop begins."""
    module = load(
        f"{HEAD}\n@compiled\ndef f(a):\n    s = 0\n    for i in range(0, 9, max(a.shape[0] - 1, 0)):\n"
        "        s += i\n    return s\n"
    )
    assert module.f(np.zeros(4)) == 9
    (result,) = (module.f.overloads[s] for s in module.f.signatures)
    assert result.type_annotation == "", "who translated it"
    with pytest.raises(ValueError, match="must not be zero"):
        module.f(np.zeros(1))
