"""How notebooks show a module: a tree that folds, with the number of parameters at each node."""

from html import escape


def module_html(module):
    """HTML of a module, or None where it cannot be shown: the text is shown then."""
    try:
        tree = _node("", module, depth=0)
        return f"<div style='font-family: monospace; line-height: 1.5'>{tree}</div>"
    except Exception:  # a display must not break the cell that it shows
        return None


def _node(name, module, depth):
    label = f"({escape(name)}): " if name else ""
    line = f"{label}<b>{escape(type(module).__name__)}</b>{_extra(module)}{_count(module)}"
    children = list(module._modules.items())
    if not children:
        return f"<div style='padding-left: 1.1em'>{line}</div>"
    below = "".join(
        _node(key, child, depth + 1)
        if child is not None
        else f"<div style='padding-left: 1.1em'>({escape(key)}): None</div>"
        for key, child in children
    )
    opened = " open=''" if depth == 0 else ""
    return (
        f"<details{opened} style='padding-left: 0'><summary>{line}</summary>"
        f"<div style='padding-left: 1.4em'>{below}</div></details>"
    )


def _extra(module):
    extra = module.extra_repr()
    return f"({escape(extra)})" if extra else ""


def _count(module):
    """The number of parameters, and of those that are not trained."""
    parameters = list(module.parameters())
    if not parameters:
        return ""
    known = {p: size for p in parameters if (size := _size(p)) is not None}
    total = sum(known.values())
    frozen = sum(size for p, size in known.items() if not p.requires_grad)
    text = f"{total:,} parameter{'' if total == 1 else 's'}"
    if frozen:
        text += ", all frozen" if frozen == total else f", {frozen:,} frozen"
    if len(known) < len(parameters):
        text = f"{text} and more at the first call" if known else "parameters at the first call"
    return f" <span style='color: #78716c'>{text}</span>"


def _size(parameter):
    """How many elements; None of a parameter that gets its shape at the first call."""
    try:
        return parameter.numel()
    except (RuntimeError, ValueError):
        return None
