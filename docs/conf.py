"""Settings of Sphinx. To build the site, run ``sphinx-build -W -n --keep-going docs docs/_build``.

With SK_SHALLOW_ONLINE=1, the site links to the documentation of scikit-learn, NumPy and SciPy. The build then needs
internet access.
"""

import os
import re

import sk_shallow

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
PAGES = (
    "index getting_started user_guide comparing comparing_activations other_tools coming_from_mlpclassifier benchmarks"
)
html_sidebars = {page: [] for page in [*PAGES.split(), "promises", "contributing", "changes"]}

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
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sk_shallow",),
    "reference_url": {"sk_shallow": None},
    "remove_config_comments": True,
    "abort_on_example_error": False,
    "show_memory": False,
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    "plot_gallery": "True",
}


def setup(app):
    """Leave out the methods that every scikit-learn estimator has. scikit-learn documents them."""
    inherited = re.compile(r"set_\w+_request|get_metadata_routing|set_callbacks|set_output|fit_transform|get_params")

    def skip(app, what, name, obj, skip, options):
        return True if inherited.fullmatch(name) else None

    app.connect("autodoc-skip-member", skip)
