"""Problems of Hock and Schittkowski: the published optimum from the published start, and a certificate from our own.

W. Hock, K. Schittkowski, Test Examples for Nonlinear Programming Codes, Lecture Notes in Economics and Mathematical
Systems 187, Springer (1981); by number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv

#: Number: objective, constraints, start, optimum.
PROBLEMS: dict[int, tuple[str, list[str], list[float], float]] = {
    7: ("log(1+x[0]**2)-x[1]", ["(1+x[0]**2)**2+x[1]**2 == 4"], [2.0, 2.0], -1.7320508075688772),
    11: ("(x[0]-5)**2+x[1]**2-25", ["-x[0]**2+x[1] >= 0"], [4.9, 0.1], -8.498464223),
    18: (
        "x[0]**2/100+x[1]**2",
        ["x[0]*x[1]-25 >= 0", "x[0]**2+x[1]**2-25 >= 0", "x[0] >= 2", "x <= 50", "x[1] >= 0"],
        [2.0, 2.0],
        5.0,
    ),
    19: (
        "(x[0]-10)**3+(x[1]-20)**3",
        [
            "(x[0]-5)**2+(x[1]-5)**2-100 >= 0",
            "-(x[1]-5)**2-(x[0]-6)**2+82.81 >= 0",
            "x[0] >= 13",
            "x[1] >= 0",
            "x <= 100",
        ],
        [20.1, 5.84],
        -6961.81381,
    ),
    26: ("(x[0]-x[1])**2+(x[1]-x[2])**4", ["(1+x[1]**2)*x[0]+x[2]**4-3 == 0"], [-2.6, 2.0, 2.0], 0.0),
    29: ("-x[0]*x[1]*x[2]", ["-x[0]**2-2*x[1]**2-4*x[2]**2+48 >= 0"], [1.0, 1.0, 1.0], -22.627416997969522),
    33: (
        "(x[0]-1)*(x[0]-2)*(x[0]-3)+x[2]",
        ["x[2]**2-x[1]**2-x[0]**2 >= 0", "x[0]**2+x[1]**2+x[2]**2-4 >= 0", "x >= 0", "x[2] <= 5"],
        [0.0, 0.0, 3.0],
        -4.585786437626905,
    ),
    34: (
        "-x[0]",
        ["x[1]-exp(x[0]) >= 0", "x[2]-exp(x[1]) >= 0", "x >= 0", "x[0] <= 100", "x[1] <= 100", "x[2] <= 10"],
        [0.0, 1.05, 2.9],
        -0.834032445247956,
    ),
    39: ("-x[0]", ["x[1]-x[0]**3-x[2]**2 == 0", "x[0]**2-x[1]-x[3]**2 == 0"], [2.0, 2.0, 2.0, 2.0], -1.0),
    40: (
        "-x[0]*x[1]*x[2]*x[3]",
        ["x[0]**3+x[1]**2-1 == 0", "x[0]**2*x[3]-x[2] == 0", "x[3]**2-x[1] == 0"],
        [0.8, 0.8, 0.8, 0.8],
        -0.25,
    ),
    43: (
        "x[0]**2+x[1]**2+2*x[2]**2+x[3]**2-5*x[0]-5*x[1]-21*x[2]+7*x[3]",
        [
            "8-x[0]**2-x[1]**2-x[2]**2-x[3]**2-x[0]+x[1]-x[2]+x[3] >= 0",
            "10-x[0]**2-2*x[1]**2-x[2]**2-2*x[3]**2+x[0]+x[3] >= 0",
            "5-2*x[0]**2-x[1]**2-x[2]**2-2*x[0]+x[1]+x[3] >= 0",
        ],
        [0.0, 0.0, 0.0, 0.0],
        -44.0,
    ),
    47: (
        "(x[0]-x[1])**2+(x[1]-x[2])**3+(x[2]-x[3])**4+(x[3]-x[4])**4",
        ["x[0]+x[1]**2+x[2]**3-3 == 0", "x[1]-x[2]**2+x[3]-1 == 0", "x[0]*x[4]-1 == 0"],
        [2.0, 1.4142135623730951, -1.0, 0.5857864376269049, 0.5],
        0.0,
    ),
    56: (
        "-x[0]*x[1]*x[2]",
        [
            "x[0]-4.2*sin(x[3])**2 == 0",
            "x[1]-4.2*sin(x[4])**2 == 0",
            "x[2]-4.2*sin(x[5])**2 == 0",
            "x[0]+2*x[1]+2*x[2]-7.2*sin(x[6])**2 == 0",
        ],
        [1.0, 1.0, 1.0, 0.50973968, 0.50973968, 0.50973968, 0.98511078],
        -3.456,
    ),
    63: (
        "1000-x[0]**2-2*x[1]**2-x[2]**2-x[0]*x[1]-x[0]*x[2]",
        ["8*x[0]+14*x[1]+7*x[2]-56 == 0", "x[0]**2+x[1]**2+x[2]**2-25 == 0", "x >= 0"],
        [2.0, 2.0, 2.0],
        961.7151721,
    ),
    71: (
        "x[0]*x[3]*(x[0]+x[1]+x[2])+x[2]",
        ["x[0]*x[1]*x[2]*x[3]-25 >= 0", "sumsq(x) == 40", "x >= 1", "x <= 5"],
        [1.0, 5.0, 5.0, 1.0],
        17.0140173,
    ),
    77: (
        "(x[0]-1)**2+(x[0]-x[1])**2+(x[2]-1)**2+(x[3]-1)**4+(x[4]-1)**6",
        ["x[0]**2*x[3]+sin(x[3]-x[4])-2*sqrt(2) == 0", "x[1]+x[2]**4*x[3]**2-8-sqrt(2) == 0"],
        [2.0, 2.0, 2.0, 2.0, 2.0],
        0.2415051288,
    ),
    80: (
        "exp(x[0]*x[1]*x[2]*x[3]*x[4])",
        [
            "sumsq(x) == 10",
            "x[1]*x[2]-5*x[3]*x[4] == 0",
            "x[0]**3+x[1]**3+1 == 0",
            "x[:2] <= 2.3",
            "x[:2] >= -2.3",
            "x[2:] <= 3.2",
            "x[2:] >= -3.2",
        ],
        [-2.0, 2.0, 2.0, -1.0, -1.0],
        0.0539498478,
    ),
}


@pytest.mark.parametrize("number", PROBLEMS)
def test_published_optimum(number: int) -> None:
    """From the published start its optimum; from our own some minimum, certified, without a start in sight."""
    objective, constraints, start, optimum = PROBLEMS[number]
    problem: Any = dv.minimize(objective, over="x", subject_to=constraints, variables={"x": (len(start),)})
    result = problem.solve(start={"x": np.array(start)})
    assert result.success, result.message
    assert result.fun == pytest.approx(optimum, rel=1e-6, abs=1e-6)
    assert problem.solve().success
