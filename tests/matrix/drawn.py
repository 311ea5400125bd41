"""Random numbers of each type that matrices have."""

DTYPES = ("float32", "float64", "complex64", "complex128")


def draw(rng, shape, dtype="float64"):
    """Random numbers of a type."""
    values = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)
