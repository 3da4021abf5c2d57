"""Checkpoints of whole networks and their optimizers, written by one framework, read by the other."""

import io

import checkpoint_models
import numpy as np
import pytest

import numbatorch as nt

torch = pytest.importorskip("torch")

OPTIMIZERS = {
    "adam": lambda t, p: t.optim.Adam(p, lr=1e-3, amsgrad=True),
    "sgd": lambda t, p: t.optim.SGD(p, lr=1e-2, momentum=0.9, nesterov=True),
}


def fresh(t, name, optimizer):
    t.manual_seed(1)
    model, inputs = checkpoint_models.ALL[name](t)
    made = OPTIMIZERS[optimizer](t, model.parameters())
    return model, made, t.optim.lr_scheduler.StepLR(made, 1, gamma=0.5), inputs


def step(model, optimizer, scheduler, inputs):
    optimizer.zero_grad()
    model(inputs).square().mean().backward()
    optimizer.step()
    scheduler.step()


@pytest.mark.parametrize("there_and_here", [(torch, nt), (nt, torch)], ids=["read", "written"])
@pytest.mark.parametrize(
    ("name", "optimizer"), [("resnet18", "sgd"), ("language_model", "adam"), ("transformer", "sgd")]
)
def test_training_goes_on_in_the_other_framework(name, optimizer, there_and_here, tmp_path):
    there, here = there_and_here
    theirs = fresh(there, name, optimizer)
    step(*theirs)
    path = tmp_path / "checkpoint.pt"
    there.save({part: value.state_dict() for part, value in zip("mos", theirs)}, path)
    ours = fresh(here, name, optimizer)
    checkpoint = here.load(path)
    for part, value in zip("mos", ours):
        value.load_state_dict(checkpoint[part])
    assert ours[1].param_groups[0]["lr"] == theirs[1].param_groups[0]["lr"]
    for _ in range(2):
        for model in (theirs[0], ours[0]):
            model.eval()
        expected, found = theirs[0](theirs[3]), ours[0](ours[3])
        np.testing.assert_allclose(
            found.detach().numpy(), expected.detach().numpy(), rtol=2e-5, atol=2e-5
        )
        for part in (theirs, ours):
            part[0].train()
            step(*part)


@pytest.mark.parametrize("name", ["Adadelta", "Adagrad", "AdamW", "LBFGS", "RMSprop", "Rprop"])
def test_state_of_optimizers_goes_both_ways(name):
    def made(t):
        t.manual_seed(2)
        parameter = t.nn.Parameter(t.rand(3, 4))
        optimizer = getattr(t.optim, name)([parameter], lr=0.01)

        def closure():
            optimizer.zero_grad()
            loss = (parameter.sin() * parameter).sum()
            loss.backward()
            return loss

        return parameter, optimizer, closure

    for there, here in ((torch, nt), (nt, torch)):
        theirs, ours = made(there), made(here)
        theirs[1].step(theirs[2])
        file = io.BytesIO()
        there.save([theirs[0], theirs[1].state_dict()], file)
        file.seek(0)
        parameter, state = here.load(file)
        with here.no_grad():
            ours[0].copy_(parameter)
        ours[1].load_state_dict(state)
        for _ in range(3):
            theirs[1].step(theirs[2])
            ours[1].step(ours[2])
        np.testing.assert_allclose(
            ours[0].detach().numpy(), theirs[0].detach().numpy(), rtol=1e-5, atol=1e-6
        )
