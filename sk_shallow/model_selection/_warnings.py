"""Collect the warnings of many fits and give one warning per category."""

import re
import sys
import threading
import warnings
from collections import Counter
from contextlib import contextmanager
from inspect import isfunction

NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?")

ALWAYS = dict.fromkeys(("default", "once", "module"), "always")  # actions that show a warning at most once

_THREAD = threading.local()  # `_THREAD.log` is the log of the current thread


class WarningsByThread:
    """Replaces `warnings.showwarning`: a warning goes to the log of its thread, or is shown if there is none."""

    def __init__(self, show):
        self.show = show

    def __call__(self, *warning):
        log = getattr(_THREAD, "log", None)
        if log is None:
            self.show(*warning)
        else:
            log.append(warning)


@contextmanager
def recorded_warnings():
    """Yield a list of the warnings of this thread that no filter ignores or turns into an error.

    Its elements are the arguments of `warnings.showwarning`. Those left at the end are shown. Filters such as "once"
    become "always", because they share one memory for all threads.
    """
    outer, show, log = getattr(_THREAD, "log", None), warnings.showwarning, []
    try:
        warnings.showwarning = show if isinstance(show, WarningsByThread) else WarningsByThread(show)
        _THREAD.log = log
        with warnings.catch_warnings():
            filters = [*warnings.filters, ("default", None, Warning, None, 0)]
            warnings.filters[:] = [(ALWAYS.get(action, action), *others) for action, *others in filters]
            yield log
    finally:
        warnings.showwarning, _THREAD.log = show, outer
        for warning in {(str(message), *place): (message, *place) for message, *place in log}.values():
            show(*warning)


def taken_from(log):
    """Return the warnings of a log, and empty it."""
    part = log[:]
    log.clear()
    return part


def users_level():
    """Return the `stacklevel` for a warning of the caller that is shown at the line outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("sk_shallow."):
        frame, level = frame.f_back, level + 1
    return level


def by_kind(part):
    """Return a dict from kinds to texts. A kind is a category, and a text whose numbers are replaced by #."""
    return {(category, NUMBER.sub("#", str(message))): str(message) for message, category, *_ in part}


def by_place(part):
    """Return a dict from places, (category, file, line), to texts."""
    return {(category, *place): str(message) for message, category, *place in part}


def texts_of(warned):
    """Return the texts of each label on each split."""
    return {label: [list(kinds.values()) for kinds in splits] for label, splits in warned.items()}


def warn(warned, others):
    """Give all warnings outside fits, and one warning per category for the fits.

    `warned` has, for each label, a list with the dict `by_kind` of each split. `others` is a dict `by_place`.
    """
    for (category, *_), text in others.items():
        warnings.warn(text, _plain(category), stacklevel=users_level())
    fits = [(label, kinds) for label, splits in warned.items() for kinds in splits]
    for category in dict.fromkeys(category for _, kinds in fits for category, _ in kinds):
        warnings.warn(_summary(category, fits, len(warned)), _plain(category), stacklevel=users_level())


def _summary(category, fits, n_labels):
    per_label = Counter(label for label, kinds in fits if any(kind[0] is category for kind in kinds))
    per_kind = Counter(kind for _, kinds in fits for kind in kinds if kind[0] is category)
    (most_frequent, n), *others = per_kind.most_common()
    example = next(kinds[most_frequent] for _, kinds in fits if most_frequent in kinds)
    counts = ", ".join(f"{label} {count}" for label, count in per_label.most_common())
    return (
        f"{per_label.total()} of {len(fits)} fits warned: {counts} (of {len(fits) // n_labels} each). "
        f"{n} of them said: {example}" + (" The other texts are in warnings_ of the result." if others else "")
    )


def _plain(category):
    """Return the category, or the closest base class whose constructor needs only a text."""
    return next(kind for kind in category.__mro__ if not isfunction(kind.__init__))
