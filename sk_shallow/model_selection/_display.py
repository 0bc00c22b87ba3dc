"""The figure of `compare_activations`."""

from sk_shallow.inspection._displays import BLUE, GREEN, GREY, ORANGE, Display

# Color and marker of each verdict; a grey circle for the others.
STYLES = {"better": (GREEN, "^"), "worse": (ORANGE, "v"), "practically the same": (BLUE, "s")}


class ActivationComparisonDisplay(Display):
    """Differences to the reference with their intervals: a forest plot.

    Parameters
    ----------
    labels : sequence of str
        Activations, from the top.
    differences, low, high : sequence of float
        Mean differences, and the lower and upper bounds of their intervals, in units of the score.
    verdicts : sequence of str
        Verdict of `compare_activations` on each activation.
    reference, scoring : str
        Label of the reference, and name of the score.
    rope : float or None, default=None
        Half the width of the region of practical equivalence, in units of the score.

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
        """Draw the result of `compare_activations` and return the display.

        Parameters
        ----------
        comparison : ActivationComparison
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
        return 1, 6.4, 1.4 + 0.3 * len(self.labels)

    def _draw(self):
        for row, verdict in enumerate(self.verdicts):
            color, marker = STYLES.get(verdict, (GREY, "o"))
            self.ax_.plot([self.low[row], self.high[row]], [row, row], color=color, linewidth=2)
            self.ax_.plot(self.differences[row], row, marker, color=color)
            self.ax_.annotate(
                verdict, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False
            )
        if self.rope:
            self.ax_.axvspan(-self.rope, self.rope, color=BLUE, alpha=0.12, linewidth=0)
        self.ax_.axvline(0, color=GREY, linewidth=1)
        self.ax_.set_yticks(range(len(self.labels)), self.labels)
        self.ax_.set_ylim(len(self.labels) - 0.5, -0.5)
        self.ax_.set_xlabel(f"difference of {self.scoring} to {self.reference} (right of 0 is better), 95 % interval")
