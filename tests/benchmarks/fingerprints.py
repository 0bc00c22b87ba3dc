"""Hashes of all results of fits, for changes to the code that must not change any result.

    python tests/benchmarks/fingerprints.py > before.txt
    ... change the code ...
    python tests/benchmarks/fingerprints.py > after.txt && diff before.txt after.txt

It prints one line per setting: activations x solvers x dtypes x targets, weights, schedules, early stopping, warm
starts, calls of `partial_fit`, comparisons and reports. It uses only public names, so you can compare any two commits.
Make both runs on the same machine with the same number of BLAS threads.
"""

import hashlib
import warnings

import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, load_wine, make_multilabel_classification
from sklearn.preprocessing import scale

from sk_shallow import ShallowNetClassifier, check_gradient
from sk_shallow.activations import ACTIVATIONS, LeakyReLU, Maxout
from sk_shallow.inspection import hidden_unit_report
from sk_shallow.model_selection import compare_activations
from sk_shallow.schedules import Adaptive
from sk_shallow.solvers import LBFGS, SGD, Adam

SOLVERS = ["gd", "sgd", "adam", "lbfgs"]
ATTRIBUTES = [
    "coefs_", "intercepts_", "loss_curve_", "validation_scores_", "best_validation_score_", "n_iter_", "stop_reason_",
    "t_", "alpha_", "alpha_scores_", "learning_rate_init_", "batch_size_", "n_samples_seen_", "solver_", "classes_",
    "loss_", "best_loss_", "n_outputs_", "n_layers_", "out_activation_",
]  # fmt: skip


def digest(*values):
    """Return a hash of arrays and plain values, including dtypes and shapes."""
    total = hashlib.sha256()

    def add(value):
        if isinstance(value, np.ndarray):
            total.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
        elif isinstance(value, list | tuple):
            for element in value:
                add(element)
        elif isinstance(value, dict):
            add(sorted(value.items()))
        else:
            total.update(repr(value).encode())

    add(values)
    return total.hexdigest()[:16]


def fitted(net, X, caught):
    outputs = [getattr(net, name)(X) for name in ("predict", "predict_proba", "decision_function", "transform")]
    kinds = sorted(warning.category.__name__ for warning in caught)
    return digest([np.asarray(output) for output in outputs], [getattr(net, name) for name in ATTRIBUTES], kinds)


def problems():
    X, y = load_iris(return_X_y=True)
    Xm, Ym = make_multilabel_classification(150, n_features=6, n_classes=3, random_state=0)
    return {
        "binary": (scale(X), np.where(y == 1, "versicolor", "other")),
        "multiclass": (scale(X), y),
        "multilabel": (scale(Xm.astype(float)), Ym),
    }


def settings():
    """Yield the name, parameters of the net, dtype, kind of target and options of `fit`."""
    for activation in ACTIVATIONS:
        for solver in SOLVERS:
            for dtype in ("float32", "float64"):
                for kind in ("binary", "multiclass", "multilabel"):
                    plain = {"activation": activation, "solver": solver, "max_iter": 12}
                    yield f"{activation} {solver} {dtype} {kind}", plain, dtype, kind, {}
    extras = {
        "defaults": {},
        "alpha given": {"alpha": 0.3},
        "dropout": {"dropout": 0.3},
        "early stopping": {"early_stopping": True},
        "scorer": {"early_stopping": True, "scoring": "accuracy", "tol": 0.01},
        "constant": {"learning_rate": "constant", "max_iter": 60},
        "invscaling": {"learning_rate": "invscaling", "solver": "sgd", "max_iter": 60},
        "adaptive": {"learning_rate": Adaptive(), "solver": "sgd", "tol": 0.02, "n_iter_no_change": 2, "max_iter": 80},
        "cosine": {"learning_rate": "cosine"},
        "rate": {"learning_rate_init": 0.02},
        "rate too high": {"learning_rate_init": 1e4, "activation": "identity"},
        "rate too low": {"learning_rate_init": 1e-6},
        "nothing": {"init_scale": 0.0},
        "worse": {"max_iter": 2, "learning_rate_init": 1e-5, "init_scale": 3},
        "no shuffle": {"shuffle": False, "batch_size": 7},
        "betas": {"solver": Adam(0.8, 0.9)},
        "momentum": {"solver": SGD(0.5, nesterov=False), "max_iter": 20},
        "history": {"solver": LBFGS(history=3, max_fun=40)},
        "lbfgs": {"solver": "lbfgs", "max_iter": 200},
        "lbfgs early": {"solver": "lbfgs", "early_stopping": True},
        "gd long": {"solver": "gd", "max_iter": 300},
        "leak": {"activation": LeakyReLU(0.2)},
        "pieces": {"activation": Maxout(3)},
        "functions": {"activation": (np.sin, np.cos)},
        **{f"init {name}": {"init": name} for name in ("glorot_uniform", "he_uniform", "lecun_normal", "orthogonal")},
        "balanced": {"class_weight": "balanced"},
    }
    for name, parameters in extras.items():
        for kind in ("binary", "multiclass", "multilabel"):
            for weighted in (False, True):
                options = {"weighted": weighted}
                yield f"{name} {kind}{' weighted' * weighted}", parameters, "float64", kind, options
    for solver in SOLVERS:
        for dtype in ("float32", "float64"):
            yield f"sparse {solver} {dtype}", {"solver": solver}, dtype, "multiclass", {"sparse": True}


def fits():
    data = problems()
    for name, parameters, dtype, kind, options in settings():
        X, y = data[kind][0].astype(dtype), data[kind][1]
        rows = sparse.csr_array(np.where(np.abs(X) < 0.3, 0, X).astype(dtype)) if options.get("sparse") else X
        w = np.random.default_rng(0).exponential(size=len(y)) if options.get("weighted") else None
        net = ShallowNetClassifier(**{"hidden_size": 8, "random_state": 0, **parameters})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            net.fit(rows, y, sample_weight=w)
            print(name, fitted(net, rows, caught), flush=True)


def continued():
    for kind, (X, y) in problems().items():
        for solver in SOLVERS:
            for parameters in ({}, {"learning_rate": "constant"}, {"alpha": 0.0, "dropout": 0.2}):
                if solver == "lbfgs" and "dropout" in parameters:
                    continue
                net = ShallowNetClassifier(8, solver=solver, max_iter=6, warm_start=True, random_state=0, **parameters)
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    hashes = [fitted(net.fit(X, y), X, caught) for _ in range(3)]
                    if hasattr(net, "partial_fit"):
                        hashes += [fitted(net.partial_fit(X[i::4], y[i::4]), X, caught) for i in range(4)]
                        net = ShallowNetClassifier(8, solver=solver, random_state=1)
                        classes = None if kind == "multilabel" else np.unique(y)
                        hashes += [fitted(net.partial_fit(X, y, classes=classes), X, caught) for _ in range(4)]
                        rows = X.copy()
                        rows[0] = 1e300
                        hashes.append(fitted(net.partial_fit(rows, y), X, caught))
                print(f"continued {kind} {solver} {sorted(parameters)}", digest(hashes), flush=True)


def larger():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6000, 20))
    sets = {
        "wine": load_wine(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "noise": (X, rng.integers(2, size=6000)),
        "many": (X.astype(np.float32), (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)),
    }
    for name, (rows, y) in sets.items():
        for parameters in ({}, {"solver": "lbfgs", "max_iter": 30}, {"early_stopping": True}, {"solver": "gd"}):
            net = ShallowNetClassifier(30, random_state=0, **parameters)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                net.fit(rows, y, sample_weight=np.full(len(y), 500.0) if name == "many" else None)
                print(f"{name} {parameters}", fitted(net, rows, caught), flush=True)


def inspected():
    X, y = problems()["multiclass"]
    for activation in ("relu", "maxout", "sigmoid"):
        net = ShallowNetClassifier(12, activation, random_state=0)
        print(f"gradient {activation}", digest(check_gradient(net, X, y)))
        report = hidden_unit_report(net.fit(X, y), X)
        figures = [report.dead_, report.saturated_, report.means_, report.spreads_, report.shares_]
        print(f"report {activation}", digest(figures, report.duplicate_of_, report.effective_rank_))
    comparison = compare_activations(
        ShallowNetClassifier(6), X, y, activations=["relu", "tanh", "maxout"], rope=0.01, cv=3, random_state=0
    )
    pairs = comparison.compare_all_pairs()
    print("comparison", digest(comparison.scores_, comparison.verdicts_, pairs.p_values_, pairs.letters_))


if __name__ == "__main__":
    fits()
    continued()
    larger()
    inspected()
