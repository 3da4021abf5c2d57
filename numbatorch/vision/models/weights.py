"""What the builders do with a request for published weights."""


def refuse(name, weights, config):
    """NotImplementedError where weights are asked for: they are loaded from a file instead.

    `pretrained`, the older way to ask, is taken out of `config`.
    """
    asked = config.pop("pretrained", False)
    if weights is not None or asked:
        raise NotImplementedError(
            f"{name}({f'weights={weights!r}' if weights is not None else 'pretrained=True'}): nothing "
            "is downloaded; make the model without weights and load a file of published ones with "
            "model.load_state_dict(torch.load(path))"
        )
