"""The rules of the house: imports go down the floors, what is public is documented, docstrings do not drift."""

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
from sklearn.base import BaseEstimator

import sk_shallow
from sk_shallow import ShallowNetClassifier, activations, initializers, schedules, solvers

ROOT = Path(__file__).parents[1]
PACKAGE = Path(sk_shallow.__file__).parent
FLOORS = {
    name: int(floor)
    for name, floor in re.findall(r"^    (\w+)\.py +floor (\d)", (ROOT / "docs" / "contributing.rst").read_text(), re.M)
}
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


def test_the_drawing_shows_every_file():
    assert set(FLOORS) == {path.stem for path in PACKAGE.glob("*.py")}
    assert not [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]


@parametrize("name", FLOORS)
def test_imports_go_down(name):
    assert all(FLOORS[other] < FLOORS[name] for other in imports_of(PACKAGE / f"{name}.py"))


def test_the_example_of_an_activation_is_the_code():
    source = textwrap.indent(inspect.getsource(activations.Tanh), "    ")
    assert source in (ROOT / "docs" / "contributing.rst").read_text()


def test_private_scikit_learn_is_named_in_one_file():
    private = re.compile(
        r"from sklearn[\w.]*\._|from sklearn[\w.]* import .*\b_|__version__.*sklearn|sklearn.__version__"
    )
    assert [path.name for path in PACKAGE.glob("*.py") if private.search(path.read_text())] == ["_compat.py"]


def test_only_three_dependencies():
    allowed = {"sklearn", "numpy", "scipy", "sk_shallow", *__import__("sys").stdlib_module_names}
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert {name.partition(".")[0] for name in names} <= allowed


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


@parametrize("name", [module.name for module in pkgutil.iter_modules(sk_shallow.__path__)])
def test_examples_in_docstrings(name):
    module = importlib.import_module(f"sk_shallow.{name}")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, optionflags=flags)
    assert result.failed == 0
    assert result.attempted > 0 or name not in ("_classifier", "_gradient_check", "activations", "initializers")


def code_lines(node):
    """Return the lines of a function's body, docstring and nested functions not counted."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    inner = [child for child in ast.walk(node) if isinstance(child, ast.FunctionDef) and child is not node]
    return sum(part.end_lineno - part.lineno + 1 for part in body) - sum(
        child.end_lineno - child.lineno + 1 for child in inner
    )


def test_functions_are_short():
    lengths = sorted(
        code_lines(node)
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    )
    assert lengths[len(lengths) // 2] < 10
    assert lengths[-1] < 40
