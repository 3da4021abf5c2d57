"""The pieces of a fast matrix product: packed panels of the right operand, and tiles over them.

A panel is a stretch of DEPTH rows of `b`, as wide as the register tile and zero beyond b's last
column, so that the tile reads it in order. Convolutions pack panels of their own and use the same
tiles. All addresses and strides are in bytes.
"""

from numba.extending import register_jitable

from .native import span
from .product_tiles import multiply_tile
from .vector_copies import strip_copy, transpose_tile
from .vectors import lanes, stack, vector_bytes

#: Vectors in a row of a register tile.
TILE_VECTORS = 2

#: Rows of a panel: it stays in the first-level or second-level cache while all rows of `a` pass.
DEPTH = 256


def tile_height():
    """Rows of a register tile: as many as leave registers for the operands (AVX-512 has 32)."""
    return 8 if vector_bytes() == 64 else 6


def tile_columns(element):
    """Columns of a register tile, and of a panel."""
    return TILE_VECTORS * lanes(element)


def panel_packer(element):
    """pack(panel, b, b_step, b_column, depth, columns) copies b[:depth, :columns] into a panel."""
    size = element.bitwidth // 8
    side = lanes(element)
    width = tile_columns(element)
    transpose, copy_steps = transpose_tile(element), strip_copy(element, width)

    @register_jitable
    def pack(panel, b, b_step, b_column, depth, columns):
        if b_column == size and columns == width:
            if depth > 0:
                copy_steps(depth, b, b_step, panel, width * size, 0)
            return
        packed = span(panel, depth * width, element)
        if columns < width:
            packed[:] = 0
        done = 0
        if b_step == size:
            squares = depth // side
            done = squares * side
            for j in range(0, columns // side * side, side):
                for k in range(squares):
                    transpose(
                        b + j * b_column + k * side * size, b_column,
                        panel + (k * side * width + j) * size, width * size,
                    )  # fmt: skip
            for j in range(columns // side * side, columns):
                column = span(b + j * b_column, done, element)
                for k in range(done):
                    packed[k * width + j] = column[k]
        for k in range(done, depth):
            for j in range(columns):
                packed[k * width + j] = span(b + k * b_step + j * b_column, 1, element)[0]

    return pack


def row_packer(element):
    """pack(...) copies rows of `a` to where the tiles read them in order.

    Rows that lie a multiple of the page size apart would push each other out of the cache, and so
    would the elements of a column that does. Where columns are dense, the copy has tiles of rows one
    after the other, the rows of each next to each other; else rows stay dense along depth. Returned
    are the strides of a tile, a row and a step.
    """
    size = element.bitwidth // 8
    height = tile_height()
    padding = 64 // size  # so that rows of the copy do not collide
    together = max(1, lanes(element) // height)
    copy_tiles = strip_copy(element, height, together)

    @register_jitable
    def pack(block, a, a_row, a_step, rows, depth):
        if a_row == size:
            tile = height * depth + padding
            runs = rows // (height * together)
            for k in range(depth):
                column, place = a + k * a_step, block + k * height * size
                if runs > 0:
                    copy_tiles(
                        runs, column, height * together * size, place, tile * together * size,
                        tile * size,
                    )  # fmt: skip
                for r in range(runs * height * together, rows):
                    value = span(column + r * size, 1, element)[0]
                    span(place + (r // height * tile + r % height) * size, 1, element)[0] = value
            return tile * size, size, height * size
        length = depth + padding
        for i in range(rows):
            row = span(a + i * a_row, depth, element)
            place = span(block + i * length * size, depth, element)
            for k in range(depth):
                place[k] = row[k]
        return height * length * size, length * size, size

    return pack


def block_multiplier(element):
    """multiply(...): `rows` rows of c = start + a @ panel, through register tiles.

    `a_tile` is the stride from one tile of rows of `a` to the next. A tile that is cut off on the
    right, or whose start or c is not dense along columns, goes through a small square in scratch
    memory. `start` of 0 means zeros.
    """
    size = element.bitwidth // 8
    side = lanes(element)
    width = tile_columns(element)
    corner_memory = stack((tile_height() + 1) * width * size)
    wide = multiply_tile(element, tile_height(), TILE_VECTORS)
    narrow = multiply_tile(element, tile_height(), 1)
    wide_row = multiply_tile(element, 1, TILE_VECTORS)
    tile_rows = tile_height()

    @register_jitable
    def tile(depth, a, a_row, a_step, panel, start, start_row, c, c_row, rows, columns):
        if rows == 1:
            wide_row(depth, a, 0, a_step, panel, width * size, start, 0, c, 0, 1)
        elif columns <= side:
            narrow(depth, a, a_row, a_step, panel, width * size, start, start_row, c, c_row, rows)
        else:
            wide(depth, a, a_row, a_step, panel, width * size, start, start_row, c, c_row, rows)

    @register_jitable
    def multiply(
        rows, columns, depth, a, a_tile, a_row, a_step, panel,
        start, start_row, start_column, c, c_row, c_column,
    ):  # fmt: skip
        zeros = corner_memory()
        corner = zeros + width * size
        span(zeros, width, element)[:] = 0
        dense_c = columns == width and c_column == size
        dense_start = start == 0 or (columns == width and start_column == size)
        square = span(corner, tile_rows * width, element)
        for i in range(0, rows, tile_rows):
            count = min(tile_rows, rows - i)
            a_here, c_here = a + i // tile_rows * a_tile, c + i * c_row
            start_here, start_step = start + i * start_row, start_row
            if start == 0:
                start_here, start_step = zeros, 0
            elif not dense_start:
                for r in range(count):
                    row = start_here + r * start_row
                    if start_column == 0:
                        square[r * width : (r + 1) * width] = span(row, 1, element)[0]
                    else:
                        for j in range(columns):
                            square[r * width + j] = span(row + j * start_column, 1, element)[0]
                start_here, start_step = corner, width * size
            if dense_c:
                tile(
                    depth, a_here, a_row, a_step, panel,
                    start_here, start_step, c_here, c_row, count, columns,
                )  # fmt: skip
                continue
            tile(
                depth, a_here, a_row, a_step, panel,
                start_here, start_step, corner, width * size, count, columns,
            )  # fmt: skip
            for r in range(count):
                for j in range(columns):
                    span(c_here + r * c_row + j * c_column, 1, element)[0] = square[r * width + j]

    return multiply


def panel_memory(element):
    """Scratch memory of one panel: an intrinsic that gives its address."""
    return stack(DEPTH * TILE_VECTORS * vector_bytes())
