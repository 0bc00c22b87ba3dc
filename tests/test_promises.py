"""The promises in docs/promises.rst hold after any sequence of calls, failures and interrupts."""

import pickle
import warnings

import numpy as np
import pytest
from helpers import NAMES, interrupt_after, values_equal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor
from sk_shallow._fit.threads import numpy_has_one_thread, scipy_has_one_thread
from sk_shallow.losses import LOSSES

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 3)) * (RNG.random((24, 3)) > 0.3)
TARGETS = {
    "binary": np.array(["a", "b"])[(X[:, 0] > 0).astype(int)],
    "multiclass": (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5),
    "multilabel": (X[:, :2] > 0).astype(int),
    "numbers": np.exp(X[:, 0]),
    "counts of two outputs": np.exp(X[:, :2]).round(),
}
SOLVERS = ["adam", "sgd", "gd", "lbfgs"]


class FailureError(Exception):
    """Raised by a callable of the user."""


def failing_scorer(estimator, X, y):
    raise FailureError


class Net(RuleBasedStateMachine):
    """A net with random calls: fit, continue, fail, interrupt, copy and change a parameter."""

    @initialize(
        kind=st.sampled_from(sorted(TARGETS)),
        loss=st.sampled_from(sorted(LOSSES)),
        dtype=st.sampled_from([np.float32, np.float64]),
        is_sparse=st.booleans(),
        activation=st.sampled_from(NAMES),
        solver=st.sampled_from(SOLVERS),
        seed=st.integers(0, 3),
    )
    def begin(self, kind, loss, dtype, is_sparse, activation, solver, seed):
        warnings.simplefilter("ignore")  # warnings have tests of their own
        self.y = TARGETS[kind]
        self.X = sparse.csr_array(X.astype(dtype)) if is_sparse else X.astype(dtype)
        self.has_classes = self.y.dtype.kind != "f"
        self.has_kinks = not self.has_classes and LOSSES[loss].has_kinks
        kind, options = (ShallowNetClassifier, {}) if self.has_classes else (ShallowNetRegressor, {"loss": loss})
        self.net = kind(4, activation, max_iter=4, random_state=seed, **options)
        self.net.set_params(solver="gd" if self.has_kinks and solver == "lbfgs" else solver)
        self.fitted = False

    def call(self, method, *args, **kwargs):
        """Call a method of the net and of a copy; the results must be exactly equal."""
        copy = pickle.loads(pickle.dumps(self.net))
        getattr(self.net, method)(*args, **kwargs)
        getattr(copy, method)(*args, **kwargs)
        assert values_equal(self.net.coefs_ + self.net.intercepts_, copy.coefs_ + copy.intercepts_)
        assert self.net.loss_curve_ == copy.loss_curve_
        self.fitted = True

    def refuses(self, error, method, *args, **kwargs):
        """Call a method that must fail and not change the net."""
        before = pickle.dumps(self.net)
        with pytest.raises(error):
            getattr(self.net, method)(*args, **kwargs)
        assert pickle.dumps(self.net) == before

    def part(self, rows):
        return self.X[rows], self.y[rows]

    @property
    def classes(self):
        """The argument of `partial_fit`."""
        return {"classes": None if self.y.ndim == 2 else np.unique(self.y)} if self.has_classes else {}

    @rule(weights=st.sampled_from([None, "uniform", "some zero"]))
    def fit(self, weights):
        w = None if weights is None else np.linspace(0 if weights == "some zero" else 0.5, 2, 24)
        self.call("fit", self.X, self.y, sample_weight=w)

    @precondition(lambda self: hasattr(self.net, "partial_fit") and not self.net.early_stopping)
    @rule(start=st.integers(0, 20), size=st.integers(1, 10))
    def partial_fit(self, start, size):
        self.call("partial_fit", *self.part(slice(start, start + size)), **self.classes)

    @rule(
        change=st.sampled_from(
            [
                {"warm_start": True},
                {"warm_start": False},
                {"learning_rate_init": 0.1},
                {"learning_rate_init": None},
                {"alpha": 0.1},
                {"early_stopping": True},
                {"early_stopping": False},
                {"batch_size": 5},
                {"max_iter": 2},
                {"solver": "adam"},
                {"solver": "sgd"},
                {"solver": "gd"},
                {"solver": "lbfgs"},
                {"learning_rate": "adaptive"},
                {"learning_rate": "constant"},
            ]
        )
    )
    def change_a_parameter(self, change):
        if not (self.has_kinks and change == {"solver": "lbfgs"}):
            self.net.set_params(**change)

    @precondition(lambda self: self.net.solver in ("gd", "lbfgs"))
    @rule(seed=st.integers(0, 99), method=st.sampled_from(["fit", "partial_fit"]))
    def order_and_copies_change_nothing(self, seed, method):
        """Rows in another order, and repeated rows instead of integer weights, give the same net."""
        if method == "partial_fit" and (self.net.solver == "lbfgs" or self.net.early_stopping):
            return
        rng = np.random.default_rng(seed)
        w, other = rng.integers(0, 3, 24), pickle.loads(pickle.dumps(self.net))
        w[np.unique(self.y, axis=0, return_index=True)[1]] = 1  # each class keeps a row
        classes = self.classes if method == "partial_fit" else {}
        order = rng.permutation(np.repeat(np.arange(24), w) if method == "fit" else np.arange(24))
        getattr(self.net, method)(self.X, self.y, sample_weight=w if method == "fit" else None, **classes)
        getattr(other, method)(*self.part(order), **classes)
        assert values_equal(self.net.coefs_ + self.net.intercepts_, other.coefs_ + other.intercepts_)
        assert self.net.loss_curve_ == other.loss_curve_
        self.fitted = True

    @rule()
    def pickle_and_load(self):
        self.net = pickle.loads(pickle.dumps(self.net))

    @rule()
    def a_clone_begins_anew(self):
        fresh = clone(self.net)
        assert not any(name.endswith("_") for name in vars(fresh))
        with pytest.raises(NotFittedError):
            fresh.predict(self.X)

    @rule(bad=st.sampled_from(["nan", "width", "length", "label", "weights"]))
    def bad_data_are_refused(self, bad):
        rows, y, w = self.X, self.y, None
        if bad == "nan":
            rows = np.full((24, 3), np.nan)
        elif bad == "width":
            rows = np.ones((24, 0))
        elif bad == "length":
            y = y[1:]
        elif bad == "label":
            y = np.linspace(0, 1, 24) if self.has_classes else np.full(24, "a")
        else:
            w = np.full(24, -1.0)
        self.refuses(ValueError, "fit", rows, y, sample_weight=w)

    @rule()
    def a_failing_scorer_changes_nothing(self):
        before = self.net.get_params(deep=False)
        self.net.set_params(early_stopping=True, scoring=failing_scorer)
        self.refuses(FailureError, "fit", self.X, self.y)
        self.net.set_params(early_stopping=before["early_stopping"], scoring=before["scoring"])

    @precondition(lambda self: hasattr(self.net, "partial_fit") and not self.net.early_stopping)
    @rule(fill_value=st.sampled_from([1e20, 1e30, 3e38, -3e38]))
    def a_part_with_a_fill_value(self, fill_value):
        rows = X.copy()
        rows[3] = fill_value
        self.call("partial_fit", rows.astype(self.X.dtype), self.y, **self.classes)

    @rule(n_calls=st.integers(1, 6))
    def interrupt(self, n_calls):
        with pytest.MonkeyPatch.context() as patch:
            interrupt_after(patch, n_calls)
            try:
                self.net.fit(self.X, self.y)
            except KeyboardInterrupt:  # before it is fitted, "auto" chooses alpha
                self.fitted = hasattr(self.net, "coefs_")
            else:
                self.fitted = True

    @invariant()
    def promises_hold(self):
        assert not scipy_has_one_thread.users | numpy_has_one_thread.users
        if not self.fitted:
            with pytest.raises(NotFittedError):
                self.net.predict(self.X)
            return
        net = self.net
        arrays = net.coefs_ + net.intercepts_
        assert all(np.isfinite(array).all() for array in arrays)
        assert {array.dtype for array in arrays} == {self.X.dtype}
        assert len(net.loss_curve_) >= max(1, net.n_iter_)
        assert net.loss_ == net.loss_curve_[-1]
        assert net.best_loss_ == min(net.loss_curve_)
        size = sum(array.nbytes for array in arrays)
        assert len(pickle.dumps(net)) < 20 * size + 6000
        (self.probabilities_are_right if self.has_classes else self.numbers_are_right)()

    def numbers_are_right(self):
        numbers = self.net.predict(self.X)
        assert numbers.shape == self.y.shape
        assert numbers.dtype == self.X.dtype
        assert np.isfinite(numbers).all()
        assert self.net.loss != "poisson" or (numbers > 0).all()

    def probabilities_are_right(self):
        net = self.net
        proba, labels = net.predict_proba(self.X), net.predict(self.X)
        assert np.isfinite(proba).all()
        assert proba.dtype == self.X.dtype
        assert np.isfinite(net.predict_log_proba(self.X)).all()
        if self.y.ndim == 1:
            np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
            of_labels = proba[np.arange(len(labels)), np.searchsorted(net.classes_, labels)]
            np.testing.assert_allclose(of_labels, proba.max(axis=1), rtol=1e-6)  # logits may differ more
        else:
            np.testing.assert_array_equal(labels, proba > 0.5)


def machine(n_examples):
    """Return a test of random sequences of 50 steps each."""
    quick = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    test = type("Sequences", (Net.TestCase,), {})
    test.settings = settings(
        max_examples=n_examples, stateful_step_count=50, deadline=None, suppress_health_check=quick, database=None
    )
    return test


TestFewSequences = machine(8)
TestManySequences = pytest.mark.slow(machine(100))
