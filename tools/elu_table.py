#!/usr/bin/env python3
"""Makes src/kernel/tile/elu_table.h (a minute; needs mpmath): coefficients of the two functions of two variables that elu's kernel is made of.

near: ((c + L)/t) int_0^t cos(a)^2 K(c cos(a)) da for 0 <= c <= most, |t| <= pi/2, with Mills' ratio m(c) = m(0) - c K(c);
far:  (a + L) int_0^inf exp(-a y - y^2/2)/(1 + z (2 a y + y^2)) dy for a >= 0, 0 <= z <= 1/most^2.

Both are interpolated at Chebyshev nodes in 30 digits and truncated at 3e-16 of the largest coefficient. Written are monomials, four powers of the
second variable side by side, the highest power of the first variable first.
"""

import sys

from mpmath import mp, mpf

mp.dps = 30
PI = mp.pi
M0 = mp.sqrt(PI / 2)
TOLERANCE = mpf(3) * mpf(10) ** -16


def gauss(n):
    """Nodes and weights of Gauss-Legendre on [0, 1]."""
    nodes = []
    for i in range(n):
        x = mp.cos(PI * (i + mpf(3) / 4) / (n + mpf(1) / 2))
        for _ in range(8):
            before, here = mpf(1), x
            for k in range(2, n + 1):
                before, here = here, ((2 * k - 1) * x * here - (k - 1) * before) / k
            slope = n * (x * here - before) / (x * x - 1)
            x -= here / slope
        nodes.append(((1 + x) / 2, 1 / ((1 - x * x) * slope**2)))
    return nodes


GAUSS = gauss(56)


def mills(c):
    return M0 * mp.exp(c * c / 2) * mp.erfc(c / mp.sqrt(2))


def near(c, t):
    total = mpf(0)
    for x, w in GAUSS:
        cosine = mp.cos(t * x)
        total += w * cosine**2 * (M0 - mills(c * cosine)) / (c * cosine)
    return total


def far(a, z):
    total = mpf(0)
    edges = [mpf(e) for e in ("0", "1", "3", "7", "14", "25", "42", "70")]
    for low, high in zip(edges, edges[1:]):
        for x, w in GAUSS:
            y = (low + (high - low) * x) / (a + 1)
            v = a * y + y * y / 2
            total += w * (high - low) * mp.exp(-v) / (1 + 2 * z * v)
    return total / (a + 1)


def chebyshev(function, n1, n2):
    nodes = [[mp.cos(PI * (2 * i + 1) / (2 * n)) for i in range(n)] for n in (n1, n2)]
    values = mp.matrix(n1, n2)
    for i in range(n1):
        for j in range(n2):
            values[i, j] = function(nodes[0][i], nodes[1][j])
    basis = []
    for n in (n1, n2):
        b = mp.matrix(n, n)
        for k in range(n):
            for i in range(n):
                b[k, i] = (1 if k == 0 else 2) * mp.cos(k * PI * (2 * i + 1) / (2 * n)) / n
        basis.append(b)
    return basis[0] * values * basis[1].T


def powers(n):
    """Row k: T_k as monomials."""
    rows = [[mpf(1)] + [mpf(0)] * (n - 1), [mpf(0), mpf(1)] + [mpf(0)] * (n - 2)]
    for _ in range(2, n):
        rows.append([2 * a - b for a, b in zip([mpf(0)] + rows[-1][:-1], rows[-2])])
    return rows


def table(function, n1, n2):
    """Groups of four powers of the second variable: [power of the first][four]."""
    c = chebyshev(function, n1, n2)
    most = max(abs(v) for v in c)
    length = [max([i + 1 for i in range(n1) if abs(c[i, j]) > TOLERANCE * most], default=0) for j in range(n2)]
    columns = max(j + 1 for j in range(n2) if length[j])
    assert columns < n2 and max(length) < n1, (columns, length)
    columns = (columns + 3) // 4 * 4
    first, second = powers(n1), powers(n2)
    monomials = [[mpf(0)] * columns for _ in range(n1)]
    for i in range(n1):
        for j in range(columns):
            if i >= length[j]:
                continue
            for a in range(i + 1):
                for b in range(j + 1):
                    monomials[a][b] += c[i, j] * first[i][a] * second[j][b]
    groups = []
    for g in range(0, columns, 4):
        # Lower powers of the second variable collect what the higher Chebyshev polynomials hold.
        size = max(length[g:])
        groups.append([monomials[i][g : g + 4] for i in reversed(range(size))])
    return groups


def write(name, groups, most, shift):
    lengths = ", ".join(str(len(g)) for g in groups)
    rows = [v for g in groups for four in g for v in four]
    print(f"static const double {name}_NUMBERS[] = {{")
    for i in range(0, len(rows), 4):
        print("    " + " ".join(float(v).hex() + "," for v in rows[i : i + 4]))
    print("};")
    print(f"static const elu_table {name} = {{{float(most)!r}, {float(shift)!r}, {len(groups)}, {{{lengths}}}, {name}_NUMBERS}};")


def near_table(most, shift, n1, n2):
    def function(x, u):
        share = (x + 1) / 2 * most / (most + shift)
        c = shift * share / (1 - share)
        return near(c, PI / 2 * mp.sqrt((u + 1) / 2)) * (c + shift)

    return table(function, n1, n2)


def far_table(most, shift, n1, n2):
    def function(x, u):
        a = shift * (1 + x) / (1 - x)
        return far(a, (u + 1) / 2 / most**2) * (a + shift)

    return table(function, n1, n2)


def main():
    print("/* Made by tools/elu_table.py: see there. Variables, all in [-1, 1]: near 2 c (most + shift)/(most (c + shift)) - 1 and 8 t^2/pi^2 - 1;")
    print(" * far (a - shift)/(a + shift) and 2 z most^2 - 1. */")
    print("#ifndef NTK_KERNEL_TILE_ELU_TABLE_H\n#define NTK_KERNEL_TILE_ELU_TABLE_H\n\n#include <stddef.h>\n")
    print("/* `numbers`: for each of `groups` groups of four powers of the second variable, length[group] times four: powers of the first, falling. */")
    print("typedef struct {\n  double most, shift;\n  size_t groups;\n  size_t length[6];\n  const double *numbers;\n} elu_table;\n")
    print("// clang-format off")
    for most, shift, columns in ((2, 5, 16), (4, 5, 22), (8, 6, 28)):
        write(f"NEAR_{most}", near_table(mpf(most), mpf(shift), 26, columns), most, shift)
    write("FAR", far_table(mpf(8), mpf("3.5"), 34, 14), 8, 3.5)
    print("// clang-format on\n\n#endif")
    return 0


if __name__ == "__main__":
    sys.exit(main())
