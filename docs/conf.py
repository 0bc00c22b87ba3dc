"""Settings of Sphinx. To build the site, run ``sphinx-build -W -n --keep-going docs docs/_build``.

With SK_SHALLOW_ONLINE=1, the site links to the documentation of scikit-learn, NumPy and SciPy. The build then needs
internet access.
"""

import os
import re
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import sk_shallow

sys.path.insert(0, str(Path(__file__).parent))
from gallery import crop_thumbnails

project = "sk_shallow"
author = project_copyright = "the sk_shallow developers"
version = release = sk_shallow.__version__
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
default_role = "literal"
templates_path = ["_templates"]
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
]

html_theme = "pydata_sphinx_theme"
html_title = "sk_shallow"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "sk_shallow"},
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 4,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"**": []}  # "On this page" and the breadcrumbs are enough, and tables need the width
html_math_renderer = "mathml"
toc_object_entries_show_parents = "hide"

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

online = os.environ.get("SK_SHALLOW_ONLINE") == "1"
intersphinx_mapping = {
    "sklearn": ("https://scikit-learn.org/stable", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
}
if not online:
    intersphinx_mapping = {}
    nitpick_ignore_regex = [("py:.*", r"(sklearn|numpy|scipy|matplotlib|pandas)\..*")]
# scikit-learn documents its own base class.
nitpick_ignore = [("py:class", "sklearn.base.BaseEstimator")]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"compare_estimators\.py",
    "subsection_order": [f"../examples/{name}" for name in ("see", "compare", "train", "understand", "ship")],
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "reset_modules": ("gallery.start_anew", "seaborn"),
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sk_shallow",),
    "reference_url": {"sk_shallow": None},
    "remove_config_comments": True,
    "abort_on_example_error": False,
    "show_memory": False,
    "write_computation_times": False,
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    "plot_gallery": "True",
}


def setup(app):
    """Write formulas as MathML, and leave out the methods that scikit-learn documents."""

    def mathml(block):
        def visit(translator, node):
            formula = tex2mathml(node.astext(), as_block=block)
            translator.body.append(f'<div class="formula">{formula}</div>' if block else formula)
            raise SkipNode

        return visit

    app.connect("builder-inited", crop_thumbnails, priority=900)  # after the examples
    app.add_html_math_renderer("mathml", (mathml(block=False), None), (mathml(block=True), None))
    inherited = re.compile(r"set_\w+_request|get_metadata_routing|set_callbacks|set_output|fit_transform|get_params")

    def skip(app, what, name, obj, skip, options):
        return True if inherited.fullmatch(name) else None

    app.connect("autodoc-skip-member", skip)
