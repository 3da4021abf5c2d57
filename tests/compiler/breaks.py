"""Functions that must break the graph, at the line marked `# here`."""

import os
import random
import time

import numpy as np

import numbatorch as torch
from numbatorch import nn

CASES = []


def case(reason):
    """Decorator: the break says `reason`."""

    def add(function):
        CASES.append((function, reason))
        return function

    return add


ARRAY = np.ones(3)
DIFFERENT_EACH_TIME = (
    "draws", "looks_at_the_clock", "identity", "address", "nonlocal_store", "calls_coroutine",
)  # fmt: skip


class Holder:
    count = 0

    def __init__(self):
        self.items = []

    def remember(self, x):
        self.last = x  # here


def reset():
    """The outside state as it is before every test."""
    global COUNT, LOG, TABLE, NAMES, HOLDER, ITERATOR, WEIGHT, model, dropping
    COUNT = 0
    LOG = []
    TABLE = {"steps": 0}
    NAMES = {"a"}
    HOLDER = Holder()
    Holder.count = 0
    ITERATOR = iter([1, 2, 3])
    WEIGHT = torch.ones(3)
    mutates_default.__defaults__[0].clear()
    torch.manual_seed(7)
    model = nn.Linear(3, 3)
    dropping = nn.Dropout()


def state():
    """What the functions may have changed, in comparable form."""
    return (
        COUNT, len(LOG), TABLE.copy(), sorted(NAMES), str(vars(HOLDER)), Holder.count,
        WEIGHT.requires_grad, str(WEIGHT), str(model), len(model._forward_hooks),
        str(vars(model).get("state")), dropping.training, list(mutates_default.__defaults__[0]),
    )  # fmt: skip


# Side effects -------------------------------------------------------------------------------------


@case("assigns to the global variable 'COUNT'")
def global_store(x):
    global COUNT
    COUNT += 1  # here
    return x


def make_counter():
    count = 0

    @case("assigns to the nonlocal variable 'count'")
    def nonlocal_store(x):
        nonlocal count
        count = count + 1  # here
        return x

    return nonlocal_store


make_counter()


@case("append")
def append_outside(x):
    LOG.append(1)  # here
    return x


@case("append")
def append_through_alias(x):
    log = LOG
    for target in (log,):
        target.append(x)  # here
    return x


@case("sets an item")
def store_item(x):
    TABLE["steps"] = 1  # here
    return x


@case("sets an item")
def count_item(x):
    TABLE["steps"] += 1  # here
    return x


@case("deletes an item")
def delete_item(x):
    del TABLE["steps"]  # here
    return x


@case("update")
def update_outside(x):
    TABLE.update(steps=2)  # here
    return x


@case("'add'")
def add_outside(x):
    NAMES.add("b")  # here
    return x


@case("in place")
def extend_outside(x):
    log = LOG
    log += [1]  # here
    return x


@case("sets the attribute 'count'")
def store_attribute(x):
    HOLDER.count = 3  # here
    return x


@case("sets the attribute 'count'")
def store_class_attribute(x):
    Holder.count = 3  # here
    return x


@case("sets the attribute 'count'")
def store_by_setattr(x):
    setattr(HOLDER, "count", 3)  # noqa: B010  # here
    return x


@case("append")
def append_to_attribute(x):
    HOLDER.items.append(x)  # here
    return x


@case("sets the attribute 'state'")
def store_in_module(x):
    model.state = x  # here
    return x


@case("'requires_grad'")
def store_in_tensor(x):
    WEIGHT.requires_grad = True  # here
    return x


@case("'data'")
def store_data(x):
    WEIGHT.data = x  # here
    return x


def mutates_default(x, seen=[]):  # noqa: B006
    seen.append(1)  # here
    return x


case("append")(mutates_default)


def mutates_argument(x, items=None):
    x["new"] = 1  # here
    return x


# Impure functions -----------------------------------------------------------------------------------


@case("print")
def prints(x):
    print("step")  # here
    return x


@case("random")
def draws(x):
    return x * random.random()  # here


@case("time")
def looks_at_the_clock(x):
    start = time.perf_counter()  # here
    return x * start


@case("os")
def environment(x):
    return x, os.getcwd()  # here


@case("numpy")
def uses_numpy(x):
    return x * float(np.sum(np.ones(3)))  # here


@case("open")
def opens(x):
    with open(__file__) as file:  # here
        return x, file.read()


@case("id()")
def identity(x):
    return id(x)  # here


@case("manual_seed")
def seeds(x):
    torch.manual_seed(1)  # here
    return torch.rand(3)


@case("save")
def saves(x):
    torch.save(x, os.devnull)  # here
    return x


@case("advances")
def advances_outside(x):
    return x * next(ITERATOR)  # here


@case("exec")
def executes(x):
    exec("y = 1")  # here
    return x


@case("eval")
def evaluates(x):
    return eval("x + 1")  # here


# Values of tensors --------------------------------------------------------------------------------


@case("a branch depends on")
def branches(x):
    if x.sum() > 0:  # here
        return x
    return -x


@case("used by Python")
def branches_on_item(x):
    value = x.sum().item()
    scaled = x * 2
    return scaled if value > 0 else x  # here


@case("used by Python")
def computes_with_item(x):
    mean = x.mean().item()
    return x - mean  # here


@case("used by Python")
def formats_item(x):
    mean = float(x.mean())
    return f"{mean:.3f}"  # here


@case("used by Python")
def indexes_by_item(x):
    position = int(x.argmax())
    return ["a", "b", "c"][position]  # here


@case("used by Python")
def hands_item_over(x):
    return torch.full((2,), x.sum().item())  # here


@case("used by Python")
def tests_kind_of_item(x):
    return isinstance(x.sum().item(), float)  # here


@case("tolist")
def lists(x):
    return x.tolist()  # here


@case("numpy()")
def to_numpy(x):
    return x.numpy()  # here


@case("turned into text")
def shows(x):
    return f"{x}"  # here


@case("turned into text")
def shows_in_list(x):
    return str([x])  # here


@case("memory")
def address(x):
    return x.data_ptr()  # here


# What is not interpreted ----------------------------------------------------------------------------


def generates(x):
    yield x  # here


@case("generators")
def uses_generator(x):
    return list(generates(x))


@case("classes made inside")
def makes_class(x):
    class Inner:  # here
        pass

    return x


async def awaits(x):  # here
    return x


@case("asynchronous")
def calls_coroutine(x):
    awaits(x).close()
    return x


without_source = eval("lambda x: x + 1")


@case("no source")
def calls_without_source(x):
    return without_source(x)  # here


# Library code ---------------------------------------------------------------------------------------


@case("changes state that it depends on")
def changes_training(x):
    dropping.eval()
    return dropping(x)


@case("changes state that it depends on")
def registers_hook(x):
    model.register_forward_hook(lambda *args: None)
    return model(x)


@case("changes state that it depends on")
def adds_module(x):
    model.add_module("more", nn.ReLU())
    return model(x)


class Sorts:
    def __lt__(self, other):
        return False


@case("library code calls Sorts.__lt__")
def sorts_objects(x):
    return sorted([Sorts(), Sorts()]) and x  # here


reset()
