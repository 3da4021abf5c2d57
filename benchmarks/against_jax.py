"""Compiled training steps beside `jax.jit` of the same step: `python benchmarks/against_jax.py`.

JAX may live in an environment of its own: `--jax-python path/to/python`. Each measurement has a
process of its own, in turns; a step of JAX is timed until its result is there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from programs import MOST_STEPS  # noqa: E402


def linear_regression(jax):
    """100x1 data, one linear layer, SGD."""
    jnp = jax.numpy
    keys = jax.random.split(jax.random.PRNGKey(0), 3)
    x, y = (jax.random.normal(key, (100, 1)) for key in keys[:2])
    parameters = {"weight": jax.random.normal(keys[2], (1, 1)), "bias": jnp.zeros(1)}

    def loss(parameters):
        return jnp.mean((x @ parameters["weight"] + parameters["bias"] - y) ** 2)

    @jax.jit
    def step(parameters):
        value, gradients = jax.value_and_grad(loss)(parameters)
        return value, jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradients)

    return step, parameters


def mlp(jax):
    """784-128-10, batch 64, cross-entropy, Adam."""
    jnp = jax.numpy
    keys = jax.random.split(jax.random.PRNGKey(0), 4)
    x, y = jax.random.normal(keys[0], (64, 784)), jax.random.randint(keys[1], (64,), 0, 10)
    weights = {
        "first": jax.random.normal(keys[2], (784, 128)) * 0.02, "first_bias": jnp.zeros(128),
        "second": jax.random.normal(keys[3], (128, 10)) * 0.05, "second_bias": jnp.zeros(10),
    }  # fmt: skip
    zeros = jax.tree.map(jnp.zeros_like, weights)

    def loss(weights):
        hidden = jax.nn.relu(x @ weights["first"] + weights["first_bias"])
        scores = jax.nn.log_softmax(hidden @ weights["second"] + weights["second_bias"])
        return -jnp.mean(scores[jnp.arange(64), y])

    @jax.jit
    def step(state):
        weights, means, squares, count = state
        value, gradients = jax.value_and_grad(loss)(weights)
        count = count + 1
        means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, gradients)
        squares = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, squares, gradients)
        rate, scale = 1e-3 / (1 - 0.9**count), (1 - 0.999**count) ** 0.5
        weights = jax.tree.map(
            lambda w, m, s: w - rate * m / (jnp.sqrt(s) / scale + 1e-8), weights, means, squares
        )
        return value, (weights, means, squares, count)

    return step, (weights, zeros, zeros, 0.0)


PROGRAMS = {"linear_regression": linear_regression, "mlp": mlp}


def time_jax(program, seconds):
    """Median seconds of a step, in this process."""
    import jax

    step, state = PROGRAMS[program](jax)
    for _ in range(5):
        value, state = jax.block_until_ready(step(state))
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < MOST_STEPS):
        begin = time.perf_counter()
        value, state = jax.block_until_ready(step(state))
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def result_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", help="all where none is named")
    parser.add_argument("--jax-python", default=sys.executable, help="the Python that has JAX")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only-jax", action="store_true", help="time JAX in this process")
    options = parser.parse_args()
    programs = options.programs or list(PROGRAMS)
    if options.only_jax:
        print(json.dumps([time_jax(program, options.seconds) for program in programs]))
        return
    seconds, threads = str(options.seconds), str(options.threads)
    print("| program | numbatorch, ms | jax.jit, ms | ratio |\n| --- | ---: | ---: | ---: |")
    for program in programs:
        ours, theirs = [], []
        for _ in range(options.rounds):
            row = result_of(
                sys.executable, str(HERE / "programs.py"), "numbatorch", program, "--compiled",
                "--seconds", seconds, "--threads", threads,
            )  # fmt: skip
            ours.append(row["step"])
            theirs += result_of(
                options.jax_python, __file__, program, "--only-jax", "--seconds", seconds
            )
        mine, jax = statistics.median(ours), statistics.median(theirs)
        print(f"| {program} | {mine * 1e3:.4f} | {jax * 1e3:.4f} | {mine / jax:.3f} |", flush=True)


if __name__ == "__main__":
    main()
