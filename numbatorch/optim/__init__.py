"""Optimizers, learning rate schedules and weight averaging."""

from numbatorch.optim import lr_scheduler, swa_utils
from numbatorch.optim.adadelta import Adadelta
from numbatorch.optim.adagrad import Adagrad
from numbatorch.optim.adam import Adam
from numbatorch.optim.adamax import Adamax
from numbatorch.optim.adamw import AdamW
from numbatorch.optim.asgd import ASGD
from numbatorch.optim.lbfgs import LBFGS
from numbatorch.optim.nadam import NAdam
from numbatorch.optim.optimizer import Optimizer
from numbatorch.optim.radam import RAdam
from numbatorch.optim.rmsprop import RMSprop
from numbatorch.optim.rprop import Rprop
from numbatorch.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
