"""The rules of the code: imports go down the layers, what is public is documented, docstrings do not drift."""

import ast
import doctest
import importlib
import inspect
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
    activations,
    export,
    initializers,
    inspection,
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
    "activation": (activations, activations.ACTIVATIONS),
    "init": (initializers, initializers.INITIALIZERS),
    "learning_rate": (schedules, schedules.SCHEDULES),
    "solver": (solvers, solvers.SOLVERS),
}


def public_classes(module):
    """Return the classes and functions that a module defines and does not hide."""
    members = inspect.getmembers(module, lambda member: inspect.isclass(member) or inspect.isfunction(member))
    return [member for name, member in members if member.__module__ == module.__name__ and name[0] != "_"]


PUBLIC = [getattr(sk_shallow, name) for name in sk_shallow.__all__]
PUBLIC += [member for module, _ in TABLES.values() for member in public_classes(module)]
PUBLIC += [getattr(inspection, name) for name in inspection.__all__]
PUBLIC += [getattr(model_selection, name) for name in model_selection.__all__]
PUBLIC += [export.to_mlpclassifier, onnx.register_converter, onnx.Graph]
WITH_EXAMPLES = (
    "_classifier",
    "inspection._gradient_check",
    "activations",
    "initializers",
    "model_selection._comparison",
    "inspection._report",
)
# What modules of components offer to the rest of the package, not to users
INTERNAL = [activations.as_activation, activations.check_derivative, initializers.initialize]
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
    """Return the name of a module within the package; of a package inside it, that of the package."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def test_the_drawing_shows_every_file():
    assert set(HEIGHT) == set(SOURCES)


@parametrize("name", HEIGHT)
def test_imports_go_down(name):
    assert all(HEIGHT[other] < HEIGHT[name] for other in imports_of(SOURCES[name]))


def test_the_example_of_an_activation_is_the_code():
    source = textwrap.indent(inspect.getsource(activations.Tanh), "    ")
    assert source in (ROOT / "docs" / "contributing.rst").read_text()


def test_private_scikit_learn_is_named_in_one_file():
    """Neither imported elsewhere, nor called: of what estimators inherit, only the table of constraints is named."""
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
            optional = {"matplotlib"} if inside else set()  # imported where something is drawn
            if path.stem == "onnx" and getattr(node, "col_offset", 0) > 0:
                optional = {"skl2onnx", "onnx"}
            assert {name.partition(".")[0] for name in names if name} <= allowed | optional


@parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_public_names_are_documented(public):
    assert public.__doc__
    hidden = is_dataclass(public) or public in INTERNAL
    parameters = [] if hidden else [name for name in inspect.signature(public).parameters if name[-4:] != "args"]
    for name in parameters:
        assert re.search(rf"^ *(\w+, )*{name}(, \w+)* : ", public.__doc__, re.M), name
    for name, method in inspect.getmembers(public, inspect.isfunction):
        owner = next(cls for cls in public.__mro__ if name in vars(cls))
        if not name.startswith("_") and owner.__module__.startswith("sk_shallow"):
            assert inspect.getdoc(getattr(public, name)), f"{public.__name__}.{name}"
            assert method


@parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_documented_defaults_are_the_signatures(public):
    if public in INTERNAL:
        return
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
def test_every_name_of_a_table_is_in_the_estimators_docstring(parameter):
    text = re.search(rf"^{parameter} : (.*?)^\w+ : ", inspect.getdoc(ShallowNetClassifier), re.M | re.S)[1]
    assert all(f'"{name}"' in text for name in TABLES[parameter][1])


def test_every_parameter_is_validated():
    assert set(ShallowNetClassifier._parameter_constraints) == set(ShallowNetClassifier().get_params())
    for _, table in TABLES.values():
        for component in table.values():
            assert set(component()._parameter_constraints) >= set(component().get_params())


def test_every_final_of_a_table_is_public():
    for module, table in TABLES.values():
        assert {type(component()) for component in table.values()} <= set(public_classes(module))
        assert all(isinstance(component(), BaseEstimator) for component in table.values())


@parametrize("name", [module.name for module in pkgutil.walk_packages(sk_shallow.__path__, "sk_shallow.")])
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, optionflags=flags)
    assert result.failed == 0
    assert result.attempted > 0 or name.removeprefix("sk_shallow.") not in WITH_EXAMPLES


def code_lines(node):
    """Return the lines of a function's body, docstring and nested functions not counted."""
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
    """Five at most besides self, but for signatures that users know from scikit-learn and call with keywords."""
    public = {
        "_classifier.__init__",
        "_classifier.fit",
        "inspection._gradient_check.check_gradient",
        "inspection._displays.from_estimator",
        "model_selection._comparison.compare_activations",
        "model_selection._display.__init__",
    }
    for name, node in FUNCTIONS:
        arguments = node.args
        names = [argument.arg for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
        assert name in public or len(set(names) - {"self", "cls"}) <= 5, name


def test_the_estimator_is_thin():
    """Under 300 lines of code, docstrings not counted."""
    source = SOURCES["_classifier"].read_text()
    nodes = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    docstrings = [node.body[0] for node in nodes if ast.get_docstring(node)]
    documented = {line for part in docstrings for line in range(part.lineno, part.end_lineno + 1)}
    code = [line for number, line in enumerate(source.splitlines(), start=1) if line and number not in documented]
    assert len(code) < 300


def test_every_promise_has_its_test():
    promised = set(re.findall(r"``(test_\w+)``", (ROOT / "docs" / "promises.rst").read_text()))
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert len(promised) > 20
    assert promised <= set(re.findall(r"def (test_\w+)\(", sources))
