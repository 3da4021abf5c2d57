"""What the builders do with a request for published weights."""


def refuse(weights, name):
    """NotImplementedError where weights are asked for: they are loaded from a file instead."""
    if weights is not None:
        raise NotImplementedError(
            f"{name}(weights={weights!r}): nothing is downloaded; make the model without weights and "
            "load a file of published ones with model.load_state_dict(torch.load(path))"
        )
