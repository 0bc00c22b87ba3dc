"""The figures of the gallery: a transparent ground, and thumbnails that show one panel."""

from pathlib import Path

import matplotlib
import sklearn
from PIL import Image

# Which figure a thumbnail shows, and which part: left, top, right, bottom, as fractions. Others show all of the first
# figure.
THUMBNAILS = {
    "compare/plot_comparing_activations": (1, (0.5, 0, 1, 1)),
    "compare/plot_learning_speed": (1, (0.5, 0, 1, 1)),
    "see/plot_activations": (2, (0, 0, 1, 1)),
    "see/plot_decision_boundaries": (1, (0.585, 0.665, 0.865, 1)),
    "see/plot_image_weights": (1, (0, 0, 0.43, 0.36)),
    "see/plot_regression_curve": (1, (0.53, 0.31, 1, 0.935)),
    "ship/plot_counts": (1, (0, 0, 0.495, 1)),
    "ship/plot_imbalance_and_features": (2, (0.45, 0, 1, 1)),
    "ship/plot_tabular": (2, (0, 0, 1, 1)),
    "train/plot_initialization": (1, (0, 0, 0.38, 1)),
    "train/plot_sigmoid_trap": (1, (0, 0, 0.5, 1)),
    "understand/plot_course_1_by_hand": (1, (0.5, 0, 1, 1)),
    "understand/plot_course_2_hidden_units": (1, (0.6, 0, 0.8, 1)),
    "understand/plot_linear_net": (1, (0, 0, 0.5, 1)),
    "understand/plot_own_activation": (1, (0, 0, 0.52, 1)),
}


def start_anew(gallery_conf, path):
    """Start each example with the defaults of matplotlib and scikit-learn, and figures without a ground."""
    sklearn.set_config(enable_metadata_routing=False)
    matplotlib.rcdefaults()
    # site.css adapts the ground to the theme.
    matplotlib.rcParams.update({"savefig.transparent": True, "legend.framealpha": 0.0})


def crop_thumbnails(app):
    """Cut the thumbnails out of their figures, if the examples were run."""
    for example, (number, (left, top, right, bottom)) in THUMBNAILS.items():
        section, name = example.split("/")
        images = Path(app.srcdir, "auto_examples", section, "images")
        figure = images / f"sphx_glr_{name}_{number:03}.png"
        if figure.exists():
            image = Image.open(figure)
            width, height = image.size
            image = image.crop((int(left * width), int(top * height), int(right * width), int(bottom * height)))
            image.thumbnail((400, 280))
            image.save(images / "thumb" / f"sphx_glr_{name}_thumb.png")
