"""Functions of tensors, one or more for each construct of Python: (function, arguments)."""

# ruff: noqa: UP031, C408, C416, C417, F821, B007  constructs that a linter would have written otherwise

import collections
import contextlib
import dataclasses
import enum
import functools
import itertools
import math
import operator
import typing

import numbatorch as torch
import numbatorch.nn.functional as F
from numbatorch import nn

CASES = []
#: Which of them break the graph all the same.
BROKEN = {"disabled_functions"}


def case(*arguments):
    """Decorator: the function is called with tensors of these shapes (or with these values)."""

    def add(function):
        CASES.append((function, arguments))
        return function

    return add


SCALE = 2.5
CONFIG = {"rate": 0.5, "sizes": [1, 2, 3], "nested": {"flag": True, "names": ("a", "b")}}
WEIGHT = torch.linspace(-1, 1, 6).reshape(2, 3)
LAYERS = [nn.Linear(3, 3), nn.Tanh()]
model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))


# Names ------------------------------------------------------------------------------------------


@case((2, 3))
def reads_globals(x):
    return x * SCALE + WEIGHT


@case((2, 3))
def reads_containers(x):
    if CONFIG["nested"]["flag"] and "rate" in CONFIG and CONFIG.get("missing") is None:
        x = x * CONFIG["rate"] + CONFIG["sizes"][-1]
    for size in CONFIG["sizes"]:
        x = x + size
    for key, value in CONFIG["nested"].items():
        if key == "names":
            x = x * len(value)
    return x, len(CONFIG)


def make_closure(scale):
    offsets = [1.0, 2.0]

    def inner(x, power=2, *, shift=0.25):
        return x**power * scale + offsets[1] + shift

    return inner


CASES.append((make_closure(3.0), ((2, 3),)))


@case((2, 3))
def nested_functions(x):
    count = 0

    def add(y, times=2):
        nonlocal count
        count += 1
        return y * times + x

    result = add(add(x), times=3)
    square = lambda y: y * y  # noqa: E731
    return square(result), count


@case((2, 3))
def recursion(x):
    def power(y, n):
        return y if n == 0 else power(y * x, n - 1)

    return power(x, 3)


def helper(x, *rest, scale=1.0, **options):
    for y in rest:
        x = x + y
    return x * scale * options.get("extra", 1)


@case((2, 3), (2, 3))
def arguments(x, y):
    parts = (x, y)
    options = {"extra": 3}
    return helper(*parts, x, scale=2.0, **options), helper(x), helper(x, y, scale=3.0)


@case((2, 3), 3, "sum")
def scalar_arguments(x, n, how):
    return getattr(x * n, how)()


@case((2, 3))
def mutable_default(x, table={"a": 1.5}):  # noqa: B006
    return x * table["a"]


# Control flow -----------------------------------------------------------------------------------


@case((4, 3))
def loops(x):
    total = torch.zeros(3)
    for i in range(10):
        if i == 2:
            continue
        if i >= x.shape[0]:
            break
        total = total + x[i] * i
    else:
        total = total * 100
    n = 5
    while n > 0:
        n -= 1
        if n == 2:
            break
        total += n
    else:
        total = total * 7
    for _ in ():
        pass
    else:
        total = total + 0.5
    return total


@case((2, 3))
def conditions(x):
    y = x if x.dim() == 2 and not x.requires_grad else -x
    if 0 < x.shape[0] <= 2 < x.shape[1] < 4:
        y = y + 1
    elif x.shape[0] or None:
        y = y + 2
    else:
        y = y + 3
    return y if (n := x.numel()) != 6 else y * n


@case((2, 3))
def exceptions(x):
    log = []
    try:
        x.reshape(7)
    except (ValueError, RuntimeError) as error:
        log.append(type(error).__name__)
    else:
        log.append("else")
    finally:
        log.append("finally")
    try:
        try:
            raise KeyError("k")
        except ValueError:
            log.append("wrong")
        finally:
            log.append("inner")
    except LookupError as error:
        log.append(error.args[0])
    try:
        try:
            raise ValueError(1)
        except ValueError:
            raise
    except ValueError as error:
        log.append(error.args)
    try:
        assert x.dim() == 5, "rank"
    except AssertionError as error:
        log.append(str(error))
    return x, log


@case((2, 3))
def return_in_finally(x):
    for i in range(3):
        try:
            if i == 1:
                return x * i
        finally:
            x = x + 1
    return None


@case((2, 3))
def contexts(x):
    with torch.no_grad():
        y = x * 2
    with torch.enable_grad(), contextlib.nullcontext(3) as three:
        z = y * three
    with contextlib.suppress(KeyError):
        {}["missing"]
    return z, torch.is_grad_enabled()


class Manager:
    def __init__(self, log):
        self.log = log

    def __enter__(self):
        self.log.append("enter")
        return self

    def __exit__(self, kind, error, trace):
        self.log.append(kind and kind.__name__)
        return True


@case((2, 3))
def user_contexts(x):
    log = []
    with Manager(log) as manager:
        x = x + len(manager.log)
        raise ValueError
    return x, log


@case((2, 3))
def matching(x):
    def classify(value):
        match value:
            case 0 | 1:
                return "small"
            case int(n) if n > 100:
                return f"large {n}"
            case [first, *rest]:
                return first, len(rest)
            case {"kind": kind, **others}:
                return kind, others
            case Point(x=0, y=y):
                return "axis", y
            case Point(a, b):
                return a + b
            case None | True:
                return "constant"
            case str() as text:
                return text.upper()
            case _:
                return "other"

    values = (1, 500, [1, 2, 3], {"kind": "k", "z": 1}, Point(0, 5), Point(2, 3), None, "abc", 7.5)
    return x, [classify(value) for value in values]


# Data -------------------------------------------------------------------------------------------


@case((4, 3))
def unpacking(x):
    a, (b, *c), [d] = x[0], (x[1], x[2], 5), [x[3]]
    first, *middle, last = range(6)
    p = q = a
    *_, end = (1, 2, 3)
    m, n = x.shape
    row0, row1, row2, row3 = x
    return a + b + c[0] + d * c[1], middle, first, last, p is q, end, m, n, row3 - row0


@case((4, 3))
def comprehensions(x):
    rows = [row * i for i, row in enumerate(x) if i % 2 == 0 if i < 10]
    table = {str(i): row for i, row in enumerate(rows)}
    pairs = {(a, b) for a in range(3) for b in range(a)}
    generated = sum(row.sum() for row in rows)
    i = "kept"
    matrix = [[a * b for b in range(3)] for a in range(3)]
    last = [seen := a for a in range(4)]
    return rows, table, sorted(pairs), generated, i, matrix, last, seen


@case((4, 3))
def slices(x):
    y = x.clone()
    y[1:3, ::2] = 0
    y[0] += 1
    y[..., -1] *= 2
    y[y > 1] = 7
    numbers = list(range(10))
    numbers[2:5] = [0]
    del numbers[0], numbers[-1]
    return y, x[1:, None, 0], numbers, numbers[::-1], "text"[1:3]


@case((2, 3))
def augmented(x):
    y = x.clone()
    z = y
    y += 1
    y *= 2
    y -= x
    y /= 3
    y **= 2
    n = 7
    n //= 2
    n <<= 3
    n |= 1
    names = ["a"]
    names += ["b"]
    names *= 2
    return z, n, names, y is z


@case((2, 3))
def text(x):
    name = "layer"
    return (
        x,
        f"{name!r:>10} {x.shape[0]:03d} {SCALE:.2f} {x.dim()=}",
        "%s-%d" % (name, 3),
        name.upper(),
    )


@case((2, 3))
def builtins_of_python(x):
    numbers = [3, 1, 2]
    return (
        x * max(numbers) + min(1, 2),
        sorted(numbers, key=lambda n: -n),
        list(map(lambda n: n * 2, numbers)),
        list(filter(None, [0, 1, 2])),
        list(zip(numbers, "abc")),
        dict(a=1, b=2),
        any(n > 2 for n in numbers),
        all([]),
        divmod(7, 2),
        round(2.567, 1),
        abs(-3),
        isinstance(x, torch.Tensor),
        callable(len),
        list(reversed(numbers)),
        sum(numbers, 10),
        tuple(enumerate("ab", 1)),
        frozenset([1, 2]),
        next(iter(numbers)),
        int("12"),
        float("1.5"),
        str(3),
        repr("a"),
        math.sqrt(2) + math.pi,
        functools.reduce(operator.add, numbers),
        list(itertools.chain([1], [2])),
        list(itertools.product("ab", [1, 2])),
        bool([]),
        type(x) is torch.Tensor,
        hasattr(x, "nothing"),
        getattr(x, "nothing", 5),
    )


@case((2, 3))
def methods_of_containers(x):
    items = [x]
    items.append(x + 1)
    items.extend([x + 2, x + 3])
    items.insert(0, x - 1)
    taken = items.pop()
    table = {"a": 1}
    table.update(b=2)
    table.setdefault("c", []).append(3)
    table["d"] = table.pop("a")
    numbers = {1, 2}
    numbers.add(3)
    grouped = collections.defaultdict(list)
    grouped["k"].append(1)
    queue = collections.deque([1, 2], maxlen=2)
    queue.append(3)
    return torch.stack(items), taken, table, numbers | {9}, dict(grouped), list(queue), ["a", "b"]


@case((2, 3))
def deleting(x):
    y = x
    del y
    try:
        return y
    except UnboundLocalError as error:
        return x, type(error).__name__


# Classes ----------------------------------------------------------------------------------------


class Base:
    factor = 3

    def __init__(self, value):
        self.value = value
        self._hidden = 1

    @property
    def double(self):
        return self.value * 2

    @double.setter
    def double(self, value):
        self.value = value / 2

    @staticmethod
    def static(x):
        return x + 1

    @classmethod
    def named(cls, x):
        return cls(x)

    def scaled(self):
        return self.value * self.factor

    def __call__(self, x):
        return self.value + x

    def __add__(self, other):
        return type(self)(self.value + other)

    def __radd__(self, other):
        return type(self)(self.value - other)

    def __getitem__(self, i):
        return self.value[i]

    def __len__(self):
        return 2

    def __eq__(self, other):
        return isinstance(other, Base)

    __hash__ = None

    def __contains__(self, item):
        return item == "yes"

    def __getattr__(self, name):
        if name == "dynamic":
            return 42
        raise AttributeError(name)


class Derived(Base):
    __secret = 5
    factor = 4

    def __init__(self, value):
        super().__init__(value)
        self.more = value + 1

    def scaled(self):
        return super().scaled() + super().scaled() + self.__secret


@case((2, 3))
def classes(x):
    made = Derived(x)
    made.double = made.double + 1
    again = made + 1
    other = 1 + made
    return (
        made.scaled(),
        made.static(x),
        Derived.named(x).value,
        made(x),
        again.value,
        other.value,
        made[0],
        len(made),
        made == again,
        made != 3,
        "yes" in made,
        "no" in made,
        made.dynamic,
        hasattr(made, "absent"),
        isinstance(made, Base),
        bool(made),
        made.more,
    )


HELD = Derived(torch.ones(3))


@case((2, 3))
def outside_object(x):
    return HELD.scaled() + x, HELD.dynamic, HELD(x), HELD.named(x).more, HELD.double


@dataclasses.dataclass
class Point:
    x: float
    y: float = 2.0

    def norm(self):
        return self.x * self.x + self.y * self.y


class Pair(typing.NamedTuple):
    left: object
    right: object = None


Triple = collections.namedtuple("Triple", "a b c")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@case((2, 3))
def records(x):
    point = Point(x)
    changed = dataclasses.replace(point, y=3.0)
    pair = Pair(x, right=point.norm())
    a, b, c = Triple(1, 2, c=3)
    moved = pair._replace(left=1)
    return (
        pair.left + pair.right,
        changed.norm(),
        a + b + c,
        moved[0],
        Colour.RED.value,
        Colour(2).name,
    )


class Slots:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Iterates:
    def __init__(self, items):
        self.items = items

        self.position = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.position == len(self.items):
            raise StopIteration
        self.position += 1
        return self.items[self.position - 1]


@case((2, 3))
def protocols(x):
    slots = Slots(x)
    slots.value = slots.value + 1
    first, *rest = Iterates([slots.value, 2, 3])
    return first, rest, [y for y in Iterates([1, 2])], sum(Iterates([4, 5])), list(Iterates("ab"))


class Descriptor:
    def __get__(self, instance, owner):
        return instance.value + 10


class Described:
    described = Descriptor()

    def __init__(self, value):
        self.value = value


@case((2, 3))
def descriptors(x):
    return Described(x).described


# Decorators -------------------------------------------------------------------------------------


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * 2

    return wrapper


@doubled
def decorated(x):
    return x + 1


@torch.no_grad()
def without_gradients(x):
    return x * 3


@case((2, 3))
def decorators(x):
    @doubled
    def inner(y):
        return y - 1

    partial = functools.partial(helper, x, scale=3.0)
    return (
        decorated(x),
        without_gradients(x),
        inner(x),
        inner.__name__,
        partial(x),
        partial(extra=2),
    )


# Modules ----------------------------------------------------------------------------------------


class Block(nn.Module):
    scale = 0.5

    def __init__(self, width, depth=2):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.named = nn.ModuleDict({"a": nn.Tanh()})
        self.plain = [nn.Sigmoid()]
        self.register_buffer("offset", torch.arange(float(width)))
        self.shift = nn.Parameter(torch.ones(width))
        self.options = {"gain": 1.5}

    def forward(self, x, extra=None):
        for i, layer in enumerate(self.layers):
            x = F.relu(layer(x)) * (i + 1)
        if self.training:
            x = x + 1
        x = self.named["a"](self.norm(x)) * self.scale + self.offset + self.shift
        x = self.plain[0](x) * self.options["gain"]
        return x if extra is None else x + extra


torch.manual_seed(3)
block = Block(3)
wrapped = nn.Sequential(Block(3), nn.ReLU(), Block(3, depth=1))
CASES += [(block, ((2, 3),)), (block.forward, ((2, 3), (2, 3))), (wrapped, ((2, 3),))]


@case((2, 3))
def modules(x):
    y = model(x)
    for layer in LAYERS:
        y = layer(y)
    y = wrapped(y) + block(y, extra=x)
    count = sum(p.numel() for p in block.parameters())
    names = [name for name, _ in block.named_parameters()]
    return y, count, names, len(block.layers), block.layers[-1](x), isinstance(block, nn.Module)


hooked = Block(3)
hooked.register_forward_hook(lambda module, args, output: output * 2)
hooked.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
CASES.append((hooked, ((2, 3),)))


@case((2, 3))
def gradients(x):
    x = x.detach().requires_grad_()
    loss = (model(x) ** 2).mean()
    (grad,) = torch.autograd.grad(loss, x)
    return loss, grad


class Cubed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x**3 * scale

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2 * ctx.scale, None


@case((2, 3))
def functions_with_gradients(x):
    x = x.detach().requires_grad_()
    y = Cubed.apply(x, 2.0)
    y.register_hook(lambda grad: grad * SCALE)
    y.sum().backward()
    return y, x.grad


weighted = nn.Linear(3, 3)


@case((2, 3))
def functions_with_gradients_to_come(x):
    return Cubed.apply(weighted(x), 2.0)


@case((2, 3))
def hooks_to_come(x):
    y = weighted(x)
    y.register_hook(lambda grad: grad * SCALE)
    return y * 2


@case((4, 3))
def ops_that_call_ops(x):
    values, places = x.sort(0)
    return values, places, x.topk(2, 0)[0], x.argmax(0)


doubling = torch.compile(lambda x: x * 2)


@torch.compiler.disable
def left_alone(x):
    return x + 1


@case((2, 3))
def compiled_functions(x):
    return doubling(x) + doubling(x + 1)


@case((2, 3))
def disabled_functions(x):
    return left_alone(x)


@case((2, 3))
def returns_its_argument(x):
    return x, [x, None], WEIGHT


@case((2, 3))
def imports(x):
    import math as mathematics
    from math import floor

    import numbatorch.nn.functional

    return numbatorch.nn.functional.relu(x) * mathematics.ceil(1.5) + floor(2.5)


@case([(2, 3), (2, 3)], {"a": (2, 3)})
def containers_of_tensors(items, table):
    return (
        items[0] + items[1] * table["a"],
        [y + 1 for y in items],
        {k: v for k, v in table.items()},
    )


@case((2, 3))
def tensor_properties(x):
    plain = x.shape, x.dtype, x.device, x.ndim, x.is_leaf, len(x), x.grad
    return plain, x.T, x.new_zeros(2), x.mT if x.ndim > 1 else 0


@case((3,))
def iterates_lazily(x):
    taken = []
    for i, y in zip(itertools.count(), (taken.append(n) or x * n for n in itertools.count(1))):
        if i == 2:
            break
    return y, taken
