"""Results with named fields (`torch.return_types`)."""


def _structure(name, *fields):
    """A tuple type that shows and gives its members by name, as PyTorch's structured results do."""

    def __new__(cls, values):
        return tuple.__new__(cls, values)

    def __repr__(self):
        members = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self))
        return f"torch.return_types.{name}(\n{members})"

    def __reduce__(self):
        return type(self), (tuple(self),)

    members = {field: property(_getter(i), doc=f"Member {i}.") for i, field in enumerate(fields)}
    members |= {"__slots__": (), "__new__": __new__, "__repr__": __repr__}
    members |= {"__reduce__": __reduce__, "__module__": __name__, "n_fields": len(fields)}
    return type(name, (tuple,), members)


def _getter(index):
    def member(self):
        return self[index]

    return member


max = _structure("max", "values", "indices")
min = _structure("min", "values", "indices")
median = _structure("median", "values", "indices")
nanmedian = _structure("nanmedian", "values", "indices")
mode = _structure("mode", "values", "indices")
kthvalue = _structure("kthvalue", "values", "indices")
cummax = _structure("cummax", "values", "indices")
cummin = _structure("cummin", "values", "indices")
sort = _structure("sort", "values", "indices")
topk = _structure("topk", "values", "indices")
frexp = _structure("frexp", "mantissa", "exponent")
aminmax = _structure("aminmax", "min", "max")
histogram = _structure("histogram", "hist", "bin_edges")

linalg_lu_factor = _structure("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = _structure("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_lu = _structure("linalg_lu", "P", "L", "U")
linalg_solve_ex = _structure("linalg_solve_ex", "result", "info")
linalg_inv_ex = _structure("linalg_inv_ex", "inverse", "info")
triangular_solve = _structure("triangular_solve", "solution", "cloned_coefficient")
linalg_cholesky_ex = _structure("linalg_cholesky_ex", "L", "info")
linalg_slogdet = _structure("linalg_slogdet", "sign", "logabsdet")
slogdet = _structure("slogdet", "sign", "logabsdet")
linalg_qr = _structure("linalg_qr", "Q", "R")
qr = _structure("qr", "Q", "R")
geqrf = _structure("geqrf", "a", "tau")
linalg_eigh = _structure("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_eig = _structure("linalg_eig", "eigenvalues", "eigenvectors")
linalg_svd = _structure("linalg_svd", "U", "S", "Vh")
svd = _structure("svd", "U", "S", "V")
linalg_lstsq = _structure("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
