"""Compare a net with other classifiers on a real data set, and say which differences
you can trust.

Run ``python examples/compare_estimators.py`` (some seconds). With matplotlib, it also
draws a figure, to compare_estimators.png.
"""

import time
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_shallow import ShallowNetClassifier, compare_estimators


def main():
    X, y = load_breast_cancer(return_X_y=True)
    estimators = {
        "net": make_pipeline(StandardScaler(), ShallowNetClassifier()),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "random forest": RandomForestClassifier(),
        "naive Bayes": GaussianNB(),
    }
    start = time.perf_counter()
    comparison = compare_estimators(
        estimators, X, y, rope=0.01, n_jobs=2, random_state=0
    )
    print(comparison)
    seconds = time.perf_counter() - start
    print(f"\n{len(y)} rows, {X.shape[1]} features; {seconds:.0f} s in all")
    try:
        comparison.plot().figure_.savefig("compare_estimators.png")
        print(f"Figure: {Path('compare_estimators.png').resolve()}")
    except ImportError:
        print("For a figure: pip install matplotlib")


if __name__ == "__main__":
    main()
