"""Small programs that draw random numbers; each takes the module (torch or numbatorch) and a size.

Running one after `manual_seed(SEED)` gives the same elements, and leaves the generator in the same
state, in both.
"""

SEED = 20240607

SIZES = (0, 1, 7, 15, 16, 17, 31, 32, 33, 1000, 100003)

FLOATING = ("float32", "float64", "float16", "bfloat16")
INTEGRAL = ("uint8", "int8", "int16", "int32", "int64")


def _empty(torch, size, dtype):
    return torch.empty(size, dtype=getattr(torch, dtype))


def _weights(torch, size, dtype):
    """Positive weights that are the same in both, from the generator itself."""
    return _empty(torch, size, dtype).copy_(torch.rand(size, dtype=torch.float64))


#: name -> (program(torch, size, dtype), dtypes)
FILLS = {
    "rand": (lambda torch, n, d: torch.rand(n, dtype=getattr(torch, d)), FLOATING),
    "randn": (lambda torch, n, d: torch.randn(n, dtype=getattr(torch, d)), FLOATING),
    "uniform_": (lambda torch, n, d: _empty(torch, n, d).uniform_(-0.3, 0.7), FLOATING),
    "normal_": (lambda torch, n, d: _empty(torch, n, d).normal_(2.0, 0.1), FLOATING),
    "exponential_": (lambda torch, n, d: _empty(torch, n, d).exponential_(1.7), FLOATING),
    "cauchy_": (lambda torch, n, d: _empty(torch, n, d).cauchy_(0.5, 2.2), FLOATING),
    "log_normal_": (lambda torch, n, d: _empty(torch, n, d).log_normal_(0.5, 0.25), FLOATING),
    "geometric_": (lambda torch, n, d: _empty(torch, n, d).geometric_(0.4), FLOATING + INTEGRAL),
    "bernoulli_": (
        lambda torch, n, d: _empty(torch, n, d).bernoulli_(0.3),
        (*FLOATING, *INTEGRAL, "bool"),
    ),
    "bernoulli": (lambda torch, n, d: torch.bernoulli(_weights(torch, n, d)), FLOATING),
    "bernoulli with p": (
        lambda torch, n, d: torch.bernoulli(_empty(torch, n, d), 0.6),
        (*FLOATING, "int64"),
    ),
    "bernoulli_ of tensor": (
        lambda torch, n, d: _empty(torch, n, d).bernoulli_(_weights(torch, n, "float32")),
        (*FLOATING, "int64", "bool"),
    ),
    "random_": (
        lambda torch, n, d: _empty(torch, n, d).random_(),
        (*FLOATING, *INTEGRAL, "bool"),
    ),
    "random_ to": (lambda torch, n, d: _empty(torch, n, d).random_(100), FLOATING + INTEGRAL),
    "random_ from": (
        lambda torch, n, d: _empty(torch, n, d).random_(3, None),
        FLOATING + INTEGRAL,
    ),
    "random_ of any int64": (
        lambda torch, n, d: _empty(torch, n, d).random_(-(2**63), None),
        ("int64", "float32", "float64", "bfloat16"),
    ),
    "randint": (lambda torch, n, d: torch.randint(10, (n,)), ("int64",)),
    "randint from below zero": (
        lambda torch, n, d: torch.randint(-50, 50, (n,), dtype=getattr(torch, d)),
        ("float32", "float64", "int8", "int32", "int64"),
    ),
    "randint of 28 bits": (
        lambda torch, n, d: torch.randint(0, 2**28 - 1, (n,), dtype=getattr(torch, d)),
        ("int32", "int64"),
    ),
    "randint of 29 bits": (
        lambda torch, n, d: torch.randint(0, 2**28, (n,), dtype=getattr(torch, d)),
        ("int32", "int64"),
    ),
    "randint of 63 bits": (lambda torch, n, d: torch.randint(-(2**62), 2**62, (n,)), ("int64",)),
    "randint of 64 bits": (
        lambda torch, n, d: torch.randint(-(2**63), 2**63 - 1, (n,)),
        ("int64",),
    ),
    "randint of floats": (
        lambda torch, n, d: torch.randint(0, 60000, (n,), dtype=torch.float16),
        ("float16",),
    ),
    "poisson of small rates": (
        lambda torch, n, d: torch.poisson(_weights(torch, n, d) * 8),
        FLOATING,
    ),
    "poisson of large rates": (
        lambda torch, n, d: torch.poisson(_weights(torch, n, d) * 200),
        FLOATING,
    ),
    "standard gamma": (
        lambda torch, n, d: torch._standard_gamma(_weights(torch, n, d) * 3),
        ("float32", "float64"),
    ),
    "standard gamma below 1": (
        lambda torch, n, d: torch._standard_gamma(_weights(torch, n, d) * 0.3),
        ("float32", "float64"),
    ),
    "binomial of few": (
        lambda torch, n, d: torch.binomial(
            torch.full((n,), 12.0, dtype=getattr(torch, d)), _weights(torch, n, d)
        ),
        ("float32", "float64"),
    ),
    "binomial of many": (
        lambda torch, n, d: torch.binomial(
            torch.full((n,), 300.0, dtype=getattr(torch, d)), _weights(torch, n, d)
        ),
        ("float32", "float64"),
    ),
    "normal around tensor": (
        lambda torch, n, d: torch.normal(_weights(torch, n, d), 0.3),
        FLOATING,
    ),
    "normal with std tensor": (
        lambda torch, n, d: torch.normal(1.5, _weights(torch, n, d)),
        FLOATING,
    ),
    "normal of tensors": (
        lambda torch, n, d: torch.normal(_weights(torch, n, d), _weights(torch, n, d)),
        FLOATING,
    ),
    "normal of numbers": (lambda torch, n, d: torch.normal(1.5, 0.2, (n,)), ("float32",)),
    "dropout": (
        lambda torch, n, d: torch.dropout(_weights(torch, n, d), 0.3, True),
        FLOATING,
    ),
    "alpha dropout": (
        lambda torch, n, d: torch.alpha_dropout(_weights(torch, n, d), 0.3, True),
        FLOATING,
    ),
    "rrelu": (
        lambda torch, n, d: torch.rrelu(_weights(torch, n, d) - 0.5, 0.1, 0.3, True),
        ("float32", "float64", "bfloat16"),
    ),
    "rand_like": (lambda torch, n, d: torch.rand_like(_empty(torch, n, d)), FLOATING),
    "randn_like": (lambda torch, n, d: torch.randn_like(_empty(torch, n, d)), FLOATING),
    "randint_like": (
        lambda torch, n, d: torch.randint_like(_empty(torch, n, d), 3, 9),
        FLOATING + INTEGRAL,
    ),
    "complex rand": (lambda torch, n, d: torch.rand(n, dtype=torch.complex64), ("complex64",)),
    "complex randn": (
        lambda torch, n, d: torch.randn(n, dtype=getattr(torch, d)),
        ("complex64", "complex128"),
    ),
    "one after the other": (
        lambda torch, n, d: [torch.randn(3), torch.rand(n), torch.randn(2), torch.randn(5)][3],
        ("float32",),
    ),
}

PERMUTATIONS = {
    "randperm": (
        lambda torch, n, d: torch.randperm(n, dtype=getattr(torch, d)),
        ("int64", "int32", "float32", "float64"),
    ),
}


def _choice(torch, n, d, replacement):
    weights = _weights(torch, n, d).reshape(1, n)
    return torch.multinomial(weights, min(n, 20), replacement)


CHOICES = {
    "multinomial with replacement": (
        lambda torch, n, d: _choice(torch, n, d, True),
        FLOATING,
    ),
    "multinomial without replacement": (
        lambda torch, n, d: _choice(torch, n, d, False),
        ("float32", "float64"),
    ),
    "multinomial of one": (
        lambda torch, n, d: torch.multinomial(_weights(torch, (5, n), d), 1),
        ("float32", "float64"),
    ),
}


def _base(torch, shape):
    return torch.empty(shape, dtype=torch.float32)


#: Tensors whose elements do not lie in row-major order: name -> program(torch)
LAYOUTS = {
    "transposed": lambda torch: _base(torch, (7, 5)).transpose(0, 1),
    "permuted": lambda torch: _base(torch, (3, 4, 5)).permute(2, 0, 1),
    "every other column": lambda torch: _base(torch, (6, 14)).as_strided((6, 7), (14, 2)),
    "one column": lambda torch: _base(torch, (33, 2)).select(1, 1),
    "rows and columns cut": lambda torch: _base(torch, (9, 9)).narrow(0, 2, 5).narrow(1, 1, 7),
    "permuted and cut": lambda torch: _base(torch, (4, 6, 5)).permute(1, 2, 0).narrow(0, 1, 3),
    "size 1 dimensions": lambda torch: _base(torch, (4, 1, 6)).permute(2, 1, 0),
    "square transposed": lambda torch: _base(torch, (6, 6)).transpose(0, 1),
}

#: What is drawn into them.
DRAWS = {
    "uniform_": lambda torch, x: x.uniform_(-1, 2),
    "normal_": lambda torch, x: x.normal_(1, 2),
    "exponential_": lambda torch, x: x.exponential_(),
    "bernoulli_": lambda torch, x: x.bernoulli_(0.4),
    "random_": lambda torch, x: x.random_(0, 100),
    "bernoulli_ of tensor": lambda torch, x: x.bernoulli_(torch.rand(x.shape[-1])),
    "bernoulli": lambda torch, x: torch.bernoulli(x.fill_(0.5)),
    "poisson": lambda torch, x: torch.poisson(x.fill_(4.0)),
    "rand_like": lambda torch, x: torch.rand_like(x),
    "randn_like": lambda torch, x: torch.randn_like(x),
    "dropout": lambda torch, x: torch.dropout(x.fill_(3.0), 0.5, True),
    "alpha dropout": lambda torch, x: torch.alpha_dropout(x.fill_(3.0), 0.5, True),
}
