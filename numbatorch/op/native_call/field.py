"""The words of a record: what a call comes to."""

#: The kinds: an op with one output, a view, an op in place, an argument as it is, or (nothing that
#: could be recorded) the Python function.
COMPUTE, VIEW, IN_PLACE, RETURN, PYTHON = range(1, 6)

(
    KIND, OP, PARAMS, FORMS, OUTPUT_FORMS, TEMPLATE, NBYTES, FLOATING,
    POINTER, ITEMS, GRAIN, SLOTS, SLOT_COUNT, FUNCTION,
    INPUTS, INPUT_COUNT, DIFFERENTIABLE, RULES, KEPT, OFFSET, COUNT,
) = range(21)  # fmt: skip

#: Of every input four words: which argument it is (or -1), else the constant, the bytes of an
#: element, and the slot for its address (or -1). Before them, the same of the output.
INPUT_WORDS = 4
