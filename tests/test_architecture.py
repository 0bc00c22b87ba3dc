"""Rules of the code: imports go down the layers, public names are documented, docstrings agree with signatures."""

import ast
import doctest
import importlib
import inspect
import operator
import pkgutil
import re
import textwrap
from dataclasses import is_dataclass
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

import sk_shallow
from sk_shallow import (
    ShallowNetClassifier,
    ShallowNetRegressor,
    activations,
    export,
    initializers,
    inspection,
    losses,
    model_selection,
    onnx,
    schedules,
    solvers,
)

ROOT = Path(__file__).parents[1]
PACKAGE = Path(sk_shallow.__file__).parent
DRAWN = re.findall(r"^        ([\w/]+)\.py\b", (ROOT / "docs" / "contributing.rst").read_text(), re.M)
HEIGHT = {name.replace("/", ".").removesuffix(".__init__"): -number for number, name in enumerate(DRAWN)}
TABLES = {
    "activation": (activations, activations.ACTIVATIONS | activations.ALIASES),
    "init": (initializers, initializers.INITIALIZERS),
    "learning_rate": (schedules, schedules.SCHEDULES),
    "solver": (solvers, solvers.SOLVERS),
    "loss": (losses, losses.LOSSES),
}
MODULES = [sk_shallow, activations, export, initializers, inspection, losses, model_selection, onnx, schedules, solvers]
NETS = [ShallowNetClassifier, ShallowNetRegressor]
# The classes and functions for users: each once, without the tables.
MEMBERS = [getattr(module, name) for module in MODULES for name in module.__all__]
PUBLIC = list(dict.fromkeys(member for member in MEMBERS if not isinstance(member, dict)))
WITH_EXAMPLES = (
    "_classifier",
    "_regressor",
    "export",
    "onnx",
    "inspection._gradient_check",
    "activations",
    "initializers",
    "losses",
    "schedules",
    "solvers",
    "model_selection._comparison",
    "inspection._report",
)
parametrize = pytest.mark.parametrize


def imports_of(path):
    """Return the modules of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sk_shallow"):
            found.add(node.module.partition(".")[2] or "__init__")
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("sk_shallow") for alias in node.names)
    return found


def module_name(path):
    """Return the dotted name of a file within the package; for an `__init__.py`, the name of its folder."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def test_the_drawing_shows_every_file():
    assert set(HEIGHT) == set(SOURCES)


def test_a_folder_lies_in_one_layer():
    drawing = re.search(r"^::\n\n(.*?)\n\n\S", (ROOT / "docs" / "contributing.rst").read_text(), re.M | re.S)[1]
    layers = [set(re.findall(r"^        (\w+)/", layer, re.M)) for layer in drawing.split("\n\n")]
    assert layers == [{"model_selection", "inspection"}, set(), {"_fit"}, {"_model"}, set()]


def test_the_top_level_is_short():
    """It holds what users import, the estimators, and what they share; types are shipped."""
    assert len(list(PACKAGE.glob("*.py"))) <= 14
    assert (PACKAGE / "py.typed").exists()


@parametrize("name", HEIGHT)
def test_imports_go_down(name):
    assert all(HEIGHT[other] < HEIGHT[name] for other in imports_of(SOURCES[name]))


def test_the_example_of_an_activation_is_the_code():
    source = textwrap.indent(inspect.getsource(activations.Tanh), "    ")
    assert source in (ROOT / "docs" / "contributing.rst").read_text()


def test_private_scikit_learn_is_named_in_one_file():
    """Only `_compat` imports or calls private names of scikit-learn, except `_parameter_constraints`."""
    private = re.compile(
        r"from sklearn[\w.]*\._|from sklearn[\w.]* import .*\b_|__version__.*sklearn|sklearn.__version__"
    )
    assert [name for name, path in SOURCES.items() if private.search(path.read_text())] == ["_compat"]
    inherited = {name for name in dir(BaseEstimator) + dir(ClassifierMixin) if re.match("_[a-z]", name)}
    named = {
        (module, node.attr if isinstance(node, ast.Attribute) else node.id)
        for module, path in SOURCES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    assert {(module, name) for module, name in named if name in inherited} == {("_compat", "_validate_params")}


def test_only_three_dependencies():
    allowed = {"sklearn", "numpy", "scipy", "sk_shallow", *__import__("sys").stdlib_module_names}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            inside = path.parent.name == "inspection" and getattr(node, "col_offset", 0) > 0
            optional = {"matplotlib"} if inside else set()  # imported only to draw
            if path.stem == "onnx" and getattr(node, "col_offset", 0) > 0:
                optional = {"skl2onnx", "onnx"}
            assert {name.partition(".")[0] for name in names if name} <= allowed | optional


@parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_public_names_are_documented(public):
    assert public.__doc__
    for name in [] if is_dataclass(public) else inspect.signature(public).parameters:
        assert name.endswith("args") or re.search(rf"^ *(\w+, )*{name}(, \w+)* : ", public.__doc__, re.M), name
    for name, _ in inspect.getmembers(public, inspect.isfunction):
        owner = next(cls for cls in public.__mro__ if name in vars(cls))
        if not name.startswith("_") and owner.__module__.startswith("sk_shallow"):
            assert inspect.getdoc(getattr(public, name)), f"{public.__name__}.{name}"


@parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_documented_defaults_are_the_signatures(public):
    for name, parameter in inspect.signature(public).parameters.items():
        line = re.search(rf"^ *(\w+, )*{name}(, \w+)* : (.*)$", public.__doc__ or "", re.M)
        if parameter.default is inspect.Parameter.empty or is_dataclass(public):
            continue
        assert "default=" in line[3], name
        documented = re.search(r"default=(.*)$", line[3])[1]
        names = re.match(r" *([\w, ]+?) : ", line[0])[1].split(", ")
        value = documented.split(" and ")[names.index(name)] if " and " in documented else documented
        assert ast.literal_eval(value) == parameter.default, (name, documented)


@parametrize("parameter", TABLES)
@parametrize("net", NETS)
def test_every_name_of_a_table_is_in_the_estimators_docstring(net, parameter):
    if not hasattr(net(), parameter):
        pytest.skip("classifiers have one loss")
    text = re.search(rf"^{parameter} : (.*?)^\w+ : ", inspect.getdoc(net), re.M | re.S)[1]
    assert all(f'"{name}"' in text for name in TABLES[parameter][1])


def test_the_user_guide_has_a_row_for_every_activation():
    """Its table gives the name, the parameters and the initial weights of each."""
    page = (ROOT / "docs" / "user_guide.rst").read_text()
    _, border, rows = re.search(r"^(=[= ]+)\nname +g\(z\) .*\n(=.*)\n((?:\w.*\n)+)=", page, re.M).groups()
    columns = [slice(*match.span()) for match in re.finditer("=+", border)]
    documented = [[row[column].strip() for column in columns] for row in rows.splitlines()]
    expected = []
    for name, kind in activations.ACTIVATIONS.items():
        parameters = ", ".join(f"``{key}`` = {value:g}" for key, value in kind().get_params().items())
        scheme = type(initializers.INITIALIZERS[kind.initializer]()).__name__
        expected.append([name, parameters, {1: scheme, 0.5: f"{scheme} / 2"}.get(kind.gain, f"{kind.gain:g} {scheme}")])
    assert sorted([name, parameters, start] for name, _, _, parameters, start in documented) == sorted(expected)


def test_the_user_guide_has_a_row_for_every_loss():
    """Its table gives the name and the parameters of each, and says which ones L-BFGS refuses."""
    page = (ROOT / "docs" / "user_guide.rst").read_text()
    rows = re.search(r"^name +L\(z, y\).*\n=.*\n((?:\w.*\n)+)=", page, re.M)[1]
    documented = {row.split()[0]: row for row in rows.splitlines()}
    assert list(documented) == list(losses.LOSSES)
    for name, kind in losses.LOSSES.items():
        assert all(f"``{key}`` = {value:g}" in documented[name] for key, value in kind().get_params().items())
        assert ("not with lbfgs" in documented[name]) == kind.has_kinks
        assert ("not standardized" in documented[name]) == (not kind.standardizes)
        assert ("y >= 0" in documented[name]) == kind.positive_only


def test_the_api_page_lists_all_that_is_public():
    module, listed = None, []
    for line in (ROOT / "docs" / "api.rst").read_text().splitlines():
        if line.startswith(".. currentmodule:: "):
            module = importlib.import_module(line.split()[-1])
        elif re.fullmatch(r"   [\w.]+", line):
            listed.append(operator.attrgetter(line.strip())(module))
    assert len(listed) == len(set(listed))
    assert set(listed) == set(PUBLIC)


def test_the_activations_are_as_many_as_the_pages_say():
    paths = [*ROOT.glob("*.rst"), *(ROOT / "docs").glob("*.rst"), *(ROOT / "examples").rglob("*.py"), *SOURCES.values()]
    pages = [path.name for path in paths if re.search(r"\btwelve\b", path.read_text())]
    assert pages
    assert len(activations.ACTIVATIONS) == 12, f"Change the word twelve in {pages}."


def test_every_parameter_is_validated():
    for net in NETS:
        assert set(net._parameter_constraints) == set(net().get_params())
    for _, table in TABLES.values():
        for component in table.values():
            assert set(component()._parameter_constraints) >= set(component().get_params())


def test_every_class_of_a_table_is_public():
    for module, table in TABLES.values():
        assert {type(component()).__name__ for component in table.values()} <= set(module.__all__)
        assert all(isinstance(component(), BaseEstimator) for component in table.values())


@parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_class_of_a_public_module_is_public_or_has_an_underscore(module):
    classes = [member for _, member in inspect.getmembers(module, inspect.isclass)]
    names = {member.__name__ for member in classes if member.__module__ == module.__name__}
    assert {name for name in names if name[0] != "_"} <= set(module.__all__)


@parametrize("name", [module.name for module in pkgutil.walk_packages(sk_shallow.__path__, "sk_shallow.")])
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, optionflags=flags)
    assert result.failed == 0
    assert result.attempted > 0 or name.removeprefix("sk_shallow.") not in WITH_EXAMPLES


def code_lines(node):
    """Return the lines of a function's body, without docstring and nested functions."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    inner = [child for child in ast.walk(node) if isinstance(child, ast.FunctionDef) and child is not node]
    return sum(part.end_lineno - part.lineno + 1 for part in body) - sum(
        child.end_lineno - child.lineno + 1 for child in inner
    )


FUNCTIONS = [
    (f"{module}.{node.name}", node)
    for module, path in SOURCES.items()
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.FunctionDef)
]


def test_functions_are_short():
    lengths = sorted(code_lines(node) for _, node in FUNCTIONS)
    assert lengths[len(lengths) // 2] < 10
    assert lengths[-1] <= 30


def test_functions_take_few_arguments():
    """At most five besides self, half of them three; exceptions are public signatures, called with keywords."""
    public = {
        "_classifier.__init__",
        "_regressor.__init__",
        "_base.fit",
        "inspection._gradient_check.check_gradient",
        "inspection._displays.from_estimator",
        "model_selection._comparison.compare_estimators",
        "model_selection._comparison.compare_activations",
        "model_selection._comparison.compare_parameter",
        "model_selection._display.__init__",
        "model_selection._results.__init__",
    }
    numbers = {}
    for name, node in FUNCTIONS:
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        numbers[name] = len({argument.arg for argument in arguments} - {"self", "cls"})
    assert [name for name, number in numbers.items() if number > 5 and name not in public] == []
    assert sorted(numbers.values())[len(numbers) // 2] <= 3


@parametrize(("file", "limit"), [("_base", 190), ("_classifier", 120), ("_regressor", 120)])
def test_the_estimators_are_thin(file, limit):
    """Lines of code, without docstrings."""
    source = SOURCES[file].read_text()
    nodes = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    docstrings = [node.body[0] for node in nodes if ast.get_docstring(node)]
    documented = {line for part in docstrings for line in range(part.lineno, part.end_lineno + 1)}
    code = [line for number, line in enumerate(source.splitlines(), start=1) if line and number not in documented]
    assert len(code) < limit


def test_every_promise_has_its_test():
    promised = set(re.findall(r"``(test_\w+)``", (ROOT / "docs" / "promises.rst").read_text()))
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert len(promised) > 20
    assert promised <= set(re.findall(r"def (test_\w+)\(", sources))
