"""scikit-learn's estimator checks, without expected failures. every_combination.py has all combinations."""

import pytest
from helpers import NAMES
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_shallow import ShallowNetClassifier, ShallowNetRegressor
from sk_shallow.losses import LOSSES
from sk_shallow.solvers import SOLVERS

CLASSIFIERS = [ShallowNetClassifier(activation=name, solver=solver) for name in NAMES for solver in SOLVERS]
# Every activation with lbfgs, which amplifies rounding errors, and every solver with the default activation
FEW_CLASSIFIERS = [net for net in CLASSIFIERS if net.solver == "lbfgs" or net.activation == "relu"]
REGRESSORS = [
    ShallowNetRegressor(activation=name, solver=solver, loss=loss)
    for name in NAMES
    for solver in SOLVERS
    for loss in LOSSES
    if not (solver == "lbfgs" and LOSSES[loss]().has_kinks)
]
PAIRS = list(dict.fromkeys((net.solver, net.loss) for net in REGRESSORS))
# Every activation, solver and loss once
FEW_REGRESSORS = [net for i, net in enumerate(REGRESSORS) if i % len(PAIRS) == len(PAIRS) - 1 - i // len(PAIRS)]
unconverged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
one_class = pytest.mark.filterwarnings("ignore:y has one class only:UserWarning")  # of check_classifiers_one_label


@one_class
@unconverged
@parametrize_with_checks(FEW_CLASSIFIERS + FEW_REGRESSORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
