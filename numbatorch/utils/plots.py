"""Pictures of training, with matplotlib."""


def plot_curves(curves, axes=None, smooth=1, xlabel="step", ylabel="", logarithmic=False):
    """Draw {label: values} as curves over the step; the axes.

    With `smooth` over 1, a mean over so many values is drawn on top of the pale values themselves.
    """
    import numpy as np
    from matplotlib import pyplot

    if axes is None:
        _, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
    for label, values in curves.items():
        values = np.asarray(values, float)
        if smooth > 1 and len(values) > smooth:
            (line,) = axes.plot(values, linewidth=0.6, alpha=0.35)
            mean = np.convolve(values, np.ones(smooth) / smooth, mode="valid")
            steps = np.arange(smooth - 1, len(values))
            axes.plot(steps, mean, color=line.get_color(), label=f"{label}, mean of {smooth}")
        else:
            axes.plot(values, label=label)
    axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if logarithmic else "linear")
    axes.legend()
    return axes


def plot_confusion(counts, names=None, axes=None):
    """Draw a matrix of counts, true class down and predicted class across; the axes."""
    import numpy as np
    from matplotlib import pyplot

    counts = np.asarray(counts)
    size = len(counts)
    if axes is None:
        width = 2 + 0.35 * size
        _, axes = pyplot.subplots(figsize=(width, width), layout="constrained")
    axes.imshow(counts, cmap="Blues")
    for (true, found), count in np.ndenumerate(counts):
        if count:
            colour = "white" if count > counts.max() / 2 else "black"
            axes.text(found, true, f"{count:g}", ha="center", va="center", fontsize=7, color=colour)
    names = range(size) if names is None else names
    axes.set_xticks(range(size), names, rotation=90 if any(len(str(n)) > 2 for n in names) else 0)
    axes.set_yticks(range(size), names)
    axes.set(xlabel="predicted", ylabel="true")
    return axes
