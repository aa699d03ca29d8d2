"""Exact Hardy-Weinberg p by counting in whole numbers (Python 3.11), for genome_test.go.

P(h heterozygotes | alleles) is proportional to 2^h / (r! h! c!), r and c being the
homozygotes that h leaves.
"""
from fractions import Fraction
from math import factorial


def p(two_a, one, two_b):
    n, a = two_a + one + two_b, 2 * two_a + one
    weight = {}
    for h in range(a % 2, min(a, 2 * n - a) + 1, 2):
        r, c = (a - h) // 2, (2 * n - a - h) // 2
        weight[h] = Fraction(2**h, factorial(r) * factorial(h) * factorial(c))
    return float(sum(w for w in weight.values() if w <= weight[one]) / sum(weight.values()))


for counts in [(14, 57, 50), (0, 5, 95), (3, 11, 86), (30, 40, 30), (1, 0, 99), (0, 0, 7), (500, 420, 80)]:
    print("{%d, %d, %d}: %.15g," % (*counts, p(*counts)))
