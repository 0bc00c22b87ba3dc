"""
Text: which library does a docstring come from?
===============================================

``TfidfVectorizer`` turns text into a sparse matrix with thousands of columns. The net
accepts this matrix directly. Rows of TF-IDF have length 1, so they need no
``StandardScaler``, which would also make the matrix dense. ``MaxAbsScaler`` keeps it
sparse. On short texts like these, a linear model is as good.
"""

import inspect
import re
from importlib import import_module

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sk_shallow import ShallowNetClassifier
from sk_shallow.inspection import HiddenWeightsDisplay

# %%
# The texts
# ---------
# Each text is the first paragraph of a docstring: one sentence of about eight words.
# The label is the library. We remove the names of the libraries from the texts, because
# they would reveal the label. The numbers below change a little with the versions of
# the three libraries.
MODULES = {
    "numpy": "numpy numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.random "
    "numpy.testing",
    "scipy": "scipy.fft scipy.integrate scipy.interpolate scipy.linalg scipy.ndimage "
    "scipy.optimize scipy.signal scipy.sparse scipy.spatial scipy.special scipy.stats",
    "sklearn": "sklearn.cluster sklearn.datasets sklearn.decomposition "
    "sklearn.ensemble sklearn.feature_selection sklearn.linear_model sklearn.metrics "
    "sklearn.model_selection sklearn.preprocessing sklearn.svm sklearn.utils",
}


def summary(thing):
    """Return the first paragraph that is not a signature, as one line."""
    paragraphs = [part.strip() for part in (inspect.getdoc(thing) or "").split("\n\n")]
    texts = [
        part
        for part in paragraphs
        if part and not re.fullmatch(r"\w+\(.*\)", part, re.DOTALL)
    ]
    return " ".join(texts[0].split()) if texts else ""


def summaries(library):
    """Return the distinct summaries of a library's functions and classes."""
    modules = [import_module(name) for name in MODULES[library].split()]
    things = [vars(module).get(name) for module in modules for name in module.__all__]
    return sorted({summary(thing) for thing in things if callable(thing)} - {""})


texts = {library: summaries(library) for library in MODULES}
X = np.array([text for library in texts for text in texts[library]], dtype=object)
y = np.repeat(list(texts), [len(found) for found in texts.values()])
for library, found in texts.items():
    print(f"{library:8}{len(found):5}  {found[len(found) // 2][:80]}")

# %%
# The nets
# --------
# The first net uses the rows of TF-IDF without scaling. For the second net, each column
# is scaled to a largest value of 1. We compare them with two linear models:
# ``LogisticRegression`` with its default penalty and with a weaker one.
words = TfidfVectorizer(
    min_df=2, stop_words=["numpy", "np", "scipy", "sklearn", "scikit", "learn"]
)
linear = {"max_iter": 1000, "random_state": 0}
models = {
    "net": make_pipeline(words, ShallowNetClassifier(20, random_state=0)),
    "MaxAbsScaler, net": make_pipeline(
        words, MaxAbsScaler(), ShallowNetClassifier(20, random_state=0)
    ),
    "LogisticRegression": make_pipeline(words, LogisticRegression(**linear)),
    "LogisticRegression, C=10": make_pipeline(
        words, LogisticRegression(C=10, **linear)
    ),
}
folds = StratifiedKFold(3, shuffle=True, random_state=0)
print(
    "always the largest class: accuracy "
    f"{max(len(found) for found in texts.values()) / len(y):.3f}\n"
)
print("model                     accuracy  log loss  seconds per fit")
for label, model in models.items():
    scores = cross_validate(model, X, y, cv=folds, scoring=["accuracy", "neg_log_loss"])
    print(
        f"{label:24}  {scores['test_accuracy'].mean():8.3f}"
        f"  {-scores['test_neg_log_loss'].mean():8.3f}"
        f"  {scores['fit_time'].mean():15.2f}"
    )

# %%
# The linear model with the weaker penalty has the lowest log loss and about the
# accuracy of the net, and it is faster. The net is not better here. ``MaxAbsScaler``
# slightly lowers both the log loss and the accuracy of the net, so you do not need it.
#
# The most important words
# ------------------------
# Here, the net gets ``MaxAbsScaler``, so that the weights of rare and of frequent words
# can be compared. The figure shows the words with the largest weights in the strongest
# hidden units, one column per unit. Words of opposite colors push the unit in opposite
# directions. A few units do all the work. The penalty has switched off the others:
# their columns are blank.
net = models["MaxAbsScaler, net"].fit(X, y)
matrix = net[:-1].transform(X)
sizes = np.linalg.norm(net[-1].coefs_[0], axis=0)
print(
    f"{matrix.shape[0]} rows, {matrix.shape[1]} words, "
    f"{matrix.nnz / matrix.shape[0]:.1f} words per row"
)
print(f"{np.sum(sizes > 0.01 * sizes.max())} of {len(sizes)} hidden units are in use")
display = HiddenWeightsDisplay.from_estimator(net, max_units=6, max_features=20)
