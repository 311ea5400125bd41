"""Functions for `from_function` in a module that other processes can import."""

import os
from os import system as system  # an attribute that must not be reachable

import numpy as np

calls = []


def hilbert(i, j):
    calls.append((i.shape, j.shape))
    return 1 / (i + j + 1.0)


def weighted(i, j, weights, factor, shift):
    return weights[i] * factor + weights[j] + shift


def vector(i, scale):
    return i * scale


def row(i, j):
    return j * 1.0


def wrong_shape(i, j):
    return np.zeros((3, 3))


def fails(i, j):
    raise ZeroDivisionError("no luck")


class Holder:
    @staticmethod
    def static(i, j):
        return i + j


not_a_function = os.path
