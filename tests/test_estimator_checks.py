"""scikit-learn's own contract, with no expected failure, for every activation and every solver."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_shallow import ShallowNetClassifier
from sk_shallow.activations import ACTIVATIONS
from sk_shallow.solvers import SOLVERS


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [ShallowNetClassifier(activation=activation) for activation in ACTIVATIONS]
    + [ShallowNetClassifier(solver=solver) for solver in SOLVERS]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
