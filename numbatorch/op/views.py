"""Views: values that look into the memory of another one."""

from .. import devices, graph
from ..devices import form_with
from ..graph import looking, modes, restricted_views
from .results import Layout


def look(op, source, layouts):
    """The view, or views, of `source` with a Layout, or several."""
    if source._base is not None and not modes.inference:
        graph.synchronise(source)
    if layouts.__class__ is Layout:
        return view_of(source, layouts)
    if op.unsafe:
        return tuple([_over_memory(source, layout) for layout in layouts])
    return tuple([view_of(source, layout, several=True) for layout in layouts])


def view_of(source, layout, several=False):
    """A value that looks into the memory of `source`; one of `several` may not be written to."""
    result = _over_memory(source, layout)
    if source._inference:
        return result
    result._inference = False
    base = source if source._base is None else source._base
    result._base = base
    result._history = base._history
    if several or source._restriction is not None or not modes.grad_enabled:
        restricted_views.restrict(result, source, several)
    return result


def _over_memory(source, layout):
    form = layout.form
    if form is None or form.place is not devices.form_of(source).place:
        storage = source.storage
        form = layout.form = form_with(
            layout.dtype or source.dtype, layout.shape, layout.strides,
            storage.device_type, storage.device_index,
        )  # fmt: skip
    result = looking(form, source.storage, layout.offset)
    result._untracked = source._untracked
    return result
