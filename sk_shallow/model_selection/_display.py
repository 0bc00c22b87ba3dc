"""How a comparison is shown: tables of 80 columns, and a forest plot."""

import math

import numpy as np

from sk_shallow.inspection._displays import BLUE, GRAY, GREEN, ORANGE, Display
from sk_shallow.inspection._table import cut

# Color and marker of each verdict; a gray circle for the others.
STYLES = {"better": (GREEN, "^"), "worse": (ORANGE, "v"), "practically the same": (BLUE, "s")}
DETAILS = {
    "won": "", "p_better": ".2f", "p_same": ".2f", "p_worse": ".2f", "epochs": ".0f", "weights": ",.0f", "dead": ".0%",
    "saturated": ".0%", "zeros": ".1%",
}  # fmt: skip
MAX_DECIMALS, MAX_DIGITS = 5, 7  # of plain numbers; exponential notation of longer ones takes less room
ROUNDING = 1e-12  # intervals below this fraction of the scores are rounding errors, and need no digits
MAX_LABEL, MAX_TITLE = 30, 60  # letters in a figure


class ComparisonDisplay(Display):
    """Differences to the reference with their intervals: a forest plot.

    Parameters
    ----------
    labels : sequence of str
        Estimators, from the top.
    differences, low, high : sequence of float
        Mean differences, and the lower and upper bounds of their intervals, in units of the score.
    verdicts : sequence of str
        Verdict of the comparison on each estimator.
    reference, scoring : str
        Label of the reference, and name of the score.
    rope : float or None, default=None
        Half the width of the region of practical equivalence, in units of the score: the blue band.

    Attributes
    ----------
    axes_, ax_, figure_ : ndarray of matplotlib Axes, its first element, and their Figure
        After `plot`. There is one panel.
    """

    def __init__(self, *, labels, differences, low, high, verdicts, reference, scoring, rope=None):
        self.labels = labels
        self.differences = differences
        self.low = low
        self.high = high
        self.verdicts = verdicts
        self.reference = reference
        self.scoring = scoring
        self.rope = rope

    @classmethod
    def from_comparison(cls, comparison, *, ax=None):
        """Draw the result of a comparison and return the display.

        Parameters
        ----------
        comparison : Comparison
            The result.
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.
        """
        differences = [comparison.difference(label) for label in comparison.verdicts_]
        intervals = [difference.interval() for difference in differences]
        return cls(
            labels=list(comparison.verdicts_),
            differences=[difference.mean for difference in differences],
            low=[low for low, _ in intervals],
            high=[high for _, high in intervals],
            verdicts=list(comparison.verdicts_.values()),
            reference=comparison.reference_,
            scoring=comparison.scoring,
            rope=comparison.rope,
        ).plot(ax=ax)

    def _panels(self):
        return 1, 6.4, 1.8 + 0.3 * len(self.labels)

    def _draw(self):
        for row, verdict in enumerate(self.verdicts):
            color, marker = STYLES.get(verdict, (GRAY, "o"))
            self.ax_.plot([self.low[row], self.high[row]], [row, row], color=color, linewidth=2)
            self.ax_.plot(self.differences[row], row, marker, color=color)
            self.ax_.annotate(
                verdict, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False
            )
        band = ""
        if self.rope:
            self.ax_.axvspan(-self.rope, self.rope, color=BLUE, alpha=0.25, linewidth=0)
            band = f"\nblue band: differences of up to {_plain(self.rope)} do not matter"
        self.ax_.axvline(0, color=GRAY, linewidth=1)
        self.ax_.set_yticks(range(len(self.labels)), [_short(label) for label in self.labels])
        self.ax_.set_ylim(len(self.labels) - 0.5, -0.5)
        self.ax_.locator_params(axis="x", nbins=6)  # numbers such as -0.0075 would overlap
        self.ax_.set_title(cut(_in_words(self.scoring), MAX_TITLE), fontsize=11)
        improvement = f"improvement over {_short(self.reference)} (right of 0 is better)"
        self.ax_.set_xlabel(f"{improvement}, with 95 % interval{band}")


def _short(label):
    """Return a label for a figure, in which $ starts no formula."""
    return cut(label, MAX_LABEL).replace("$", r"\$")


def columns_of(comparison):
    """Return all columns by name, except the labels; None in the row of the reference."""
    labels = comparison.labels_
    compared = {label: _compared(comparison, label) for label in comparison.verdicts_}
    means = {what: [float(values[label].mean()) for label in labels] for what, values in comparison.figures.items()}
    return {
        "score": means.pop("score"),
        **{name: [compared.get(label, {}).get(name) for label in labels] for name in next(iter(compared.values()))},
        **means,
        "verdict": [comparison.verdicts_.get(label, "reference") for label in labels],
    }


def _compared(comparison, label):
    """Return what compares a label with the reference."""
    difference, scores = comparison.difference(label), comparison.scores_
    low, high = difference.interval()
    better, same, worse = difference.probabilities(comparison.rope or 0.0)
    won = int((scores[label] > scores[comparison.reference_]).sum())
    return {
        "difference": difference.mean, "low": low, "high": high, "p": comparison.p_values_[label],
        "p_better": better, "p_same": same, "p_worse": worse, "won": won,
    }  # fmt: skip


def table_of_results(comparison):
    """Return the columns, formats and notes of the main table."""
    columns, spec = columns_of(comparison), _spec(comparison)
    columns["difference [interval]"] = _with_intervals(columns, spec)
    columns["verdict"] = [verdict.removeprefix("practically the ") for verdict in columns["verdict"]]
    slowest = max(columns["seconds"])
    seconds = ".3f" if slowest < 10 else ".1f" if slowest < 1000 else ".0f"
    names = ["verdict", "score", "difference [interval]", "p", "seconds"]
    formats = {"score": spec, "p": ".3f", "seconds": seconds}
    return _labelled({name: columns[name] for name in names}, comparison), formats, list(_notes(comparison))


def table_of_details(comparison):
    """Return the columns, formats and notes of the table of details."""
    columns = columns_of(comparison)
    without = {"p_same"} if comparison.rope is None else set()
    without |= {"zeros"} if not any(columns.get("zeros", [])) else set()
    columns = {name: columns[name] for name in DETAILS if name in columns and name not in without}
    others = "" if comparison.rope is None else ", within it, and below minus it"
    notes = [
        f"won: splits with a score above that of {comparison.reference_}, of {comparison.n_splits_}. p_better ...: "
        f"probabilities of a difference above {_plain(comparison.rope or 0)}{others}."
    ]
    return _labelled(columns, comparison), DETAILS, notes


def _labelled(columns, comparison):
    """Return columns after one with the labels."""
    return {name_of_labels(comparison.compared.rpartition("__")[2], columns): comparison.labels_, **columns}


def name_of_labels(compared, columns):
    """Return the header of the labels. A parameter may have the name of another column."""
    return f"parameter {compared}" if compared in {*columns, *DETAILS} else compared


def _spec(comparison):
    """Return the format of scores: two significant digits of half the shortest interval, or half a typical one."""
    differences = [comparison.difference(label) for label in comparison.verdicts_]
    halves = [difference.interval()[1] - difference.mean for difference in differences]
    largest = max(float(np.abs(scores).max()) for scores in comparison.scores_.values())
    halves = [half for half in halves if half > ROUNDING * largest] or [0.001]
    shortest, typical = (1 - math.floor(math.log10(half)) for half in (min(halves), np.median(halves)))
    decimals = min(shortest, typical + 1)
    plain = decimals <= MAX_DECIMALS and largest < 10**MAX_DIGITS
    return f".{max(decimals, 0)}f" if plain else ".1e"


def _plain(value, digits=6):
    """Return a number as text, with at most so many significant digits: 290, not 2.9e+02."""
    if value and not 10**-MAX_DECIMALS <= value < 10**MAX_DIGITS:
        return f"{value:.{digits}g}"
    return np.format_float_positional(value, precision=digits, fractional=False, trim="-")


def _with_intervals(columns, spec):
    """Return the differences with their intervals, aligned."""
    rows = list(zip(columns["difference"], columns["low"], columns["high"], strict=True))
    shown = [["" if value is None else format(value, f"+{spec}") for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    padded = [[f"{text:>{width}}" for text, width in zip(row, widths, strict=True)] for row in shown]
    return [f"{mean} [{low}, {high}]" if mean.strip() else "" for mean, low, high in padded]


def _notes(comparison):
    """Yield the lines below the main table."""
    reference, scoring = comparison.reference_, comparison.scoring
    sign = "minus the " if scoring.startswith("neg_") else ""
    yield (
        f"score: {sign}{_words(scoring)}, mean of {comparison.n_splits_} splits; higher is better. Differences are to "
        f"{reference}."
    )
    if "practically the same" in comparison.verdicts_.values():
        rope = f"The difference is at most {_plain(comparison.rope or 0)}, with a probability of at least 95 %."
        yield f"same: practically the same. {rope if comparison.rope else 'All differences are 0.'}"
    yield "p and 95 % interval: corrected resampled t-test; p also corrected by Holm's method."
    if comparison.smallest_difference_ is not None:
        n = comparison.splits_for_half_
        half = f"{n} splits would find half of it." if n else "More splits cannot find half of it; more rows can."
        yield (
            f"If the true difference were {_plain(comparison.smallest_difference_, 2)}, this comparison would find it "
            f"8 times in 10. {half}"
        )
    yield from _notes_on_fits(comparison)
    yield "For more columns, call details() or to_frame()."


def _notes_on_fits(comparison):
    shares = {label: zeros.mean() for label, zeros in comparison.figures.get("zeros", {}).items() if zeros.any()}
    if shares:
        who = " and ".join(f"from {label} in {max(share, 1e-4):.2%}" for label, share in shares.items())
        yield (
            f"The true class gets a probability of about 0 {who} of test rows. The log loss of such a row counts as 36 "
            "(in float32: 16). Compare scoring='neg_brier_score' too."
        )
    warned = [bool(texts) for splits in comparison.warnings_.values() for texts in splits]
    if any(warned):
        yield f"{sum(warned)} of {len(warned)} fits gave warnings: see warnings_."
    if hasattr(comparison, "best_estimator_"):
        yield (
            f"best_estimator_ is {comparison.best_}, the highest of {len(comparison.labels_)} means. That score is "
            "optimistic, because it was chosen for being the highest."
        )


def _words(scoring):
    if not scoring.isidentifier():  # a representation, such as make_scorer(...)
        return scoring
    return scoring.removeprefix("neg_").replace("_", " ").replace("brier", "Brier")


def _in_words(scoring):
    words = _words(scoring)
    return f"{words[0].upper()}{words[1:]}, {'lower' if scoring.startswith('neg_') else 'higher'} is better"
