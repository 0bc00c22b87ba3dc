"""Nets as ONNX models, by skl2onnx (``pip install "sk-shallow[onnx]"``): `register_converter`, and `CONVERTERS`.

The model takes rows of X and returns labels and probabilities. It computes in float64 where its input is float64, and
otherwise in float32. Every activation is composed of operators that onnxruntime has for both.

To convert an activation of your own, write a function of the activation, the name of `Z1` and a `Graph`. It adds
operators to the graph and returns the name of `A1`. Put it in `CONVERTERS`, with the class of the activation as the
key. A subclass needs an entry of its own. The class of a pair of functions is
`sk_shallow.activations.FunctionActivation`.

Examples
--------
>>> import numpy as np
>>> from skl2onnx import to_onnx
>>> from sk_shallow import ShallowNetClassifier
>>> from sk_shallow.activations import Activation
>>> from sk_shallow.onnx import CONVERTERS, register_converter
>>> class Sine(Activation):
...     def forward(self, Z):
...         return np.sin(Z), Z
...     def backward(self, dA, A, cache):
...         return dA * np.cos(cache)
>>> def convert_sine(activation, Z, graph):
...     return graph("Sin", Z)
>>> CONVERTERS[Sine] = convert_sine
>>> register_converter()
>>> X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32), [0, 1, 1, 0]
>>> net = ShallowNetClassifier(8, Sine(), solver="lbfgs", random_state=0).fit(X, y)
>>> model = to_onnx(net, X[:1], options={"zipmap": False})
>>> "Sin" in [node.op_type for node in model.graph.node]
True
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sk_shallow._fit.targets import MultilabelTargets
from sk_shallow._special import HART_P, HART_Q
from sk_shallow.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    Identity,
    LeakyReLU,
    Maxout,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)

__all__ = ["CONVERTERS", "Graph", "register_converter"]

ALIAS = "SkShallowShallowNetClassifier"
LEAST_OPSET = 12  # the first with Clip of float64
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}


class Graph:
    """The ONNX graph of one net, to which the converter of an activation adds operators.

    ``graph("Mul", Z, 0.5)`` adds an operator and returns the name of its result. Its inputs are names of earlier
    results, numbers, or arrays. Numbers and arrays of floats become constants of the dtype of the graph, arrays of
    integers become int64 (indices), arrays of strings stay strings.

    Parameters
    ----------
    scope, container : skl2onnx objects
        What skl2onnx hands to a converter.
    dtype : dtype
        float32 or float64: what the net computes in.
    n_units : int in [1, inf)
        Number of hidden units, n1. `Z1` has ``n_pieces * n_units`` columns.
    """

    def __init__(self, scope: Any, container: Any, dtype: Any, n_units: int) -> None:
        self.scope = scope
        self.container = container
        self.dtype = np.dtype(dtype)
        self.n_units = n_units

    def __call__(self, op_type: str, *inputs: Any, output: str | None = None, **attributes: Any) -> str:
        """Add an operator and return the name of its result.

        Parameters
        ----------
        op_type : str
            Name of an ONNX operator with one result. onnxruntime must have it for the dtype of the graph.
        *inputs : str, float or ndarray
            Names of earlier results, and constants.
        output : str or None, default=None
            Name of the result. None makes a new one.
        **attributes : dict
            Attributes of the operator.

        Returns
        -------
        name : str
        """
        output = output or self.scope.get_unique_variable_name(op_type.lower())
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        self.container.add_node(op_type, names, output, name=self.scope.get_unique_operator_name(op_type), **attributes)
        return output

    def _constant(self, value: Any) -> str:
        from onnx import TensorProto
        from onnx.numpy_helper import from_array

        name = self.scope.get_unique_variable_name("constant")
        value = np.asarray(value)
        if value.dtype.kind in "OU":
            content = [label.encode() for label in value.tolist()]
            self.container.add_initializer(name, TensorProto.STRING, value.shape, content)
        else:
            is_index = value.dtype.kind in "bu" or (value.dtype.kind == "i" and value.ndim > 0)
            tensor = from_array(value.astype(np.int64 if is_index else self.dtype))
            self.container.add_initializer(name, tensor.data_type, value.shape, tensor)
        return name


def register_converter() -> None:
    """Tell skl2onnx how to convert `ShallowNetClassifier`, alone and in pipelines. Call it once, before `to_onnx`.

    Options of `skl2onnx.to_onnx`:

    ``zipmap``
        True (skl2onnx's default) returns a dictionary per row, False an array of shape (n_samples, n_classes),
        "columns" an array per class. onnxruntime has no dictionaries of float64.
    ``raw_scores``
        Whether to return logits in place of probabilities. Of two classes these are two columns, ``-z`` and ``z``.
    ``nocl``
        Whether to return the numbers of the classes in place of their labels. Not for multilabel nets, whose labels
        are zeros and ones anyway.
    ``output_class_labels``
        Whether to return the labels of the classes too. Not with ``zipmap``.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Notes
    -----
    Labels are int64 or strings: False and True become 0 and 1. X that is neither float32 nor float64 becomes float32.

    Finite rows give finite numbers. Features and hidden activations are clipped where their products with the weights
    could exceed a quarter of the largest number of the dtype. Only there can labels differ from those of `predict`,
    apart from ties. Infinities are clipped too, while `predict` refuses them. nan gives nan.

    Only predictions are converted, not `transform`: put the net at the end of a pipeline, and not into a
    `FeatureUnion` or a `ColumnTransformer`.

    Later, `to_onnx` raises ValueError if the activation is not in `CONVERTERS`, if X is float64 and ``zipmap=True``, or
    if `target_opset` is below 12.

    Examples
    --------
    >>> from skl2onnx import to_onnx
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_shallow import ShallowNetClassifier
    >>> from sk_shallow.onnx import register_converter
    >>> X, y = load_iris(return_X_y=True)
    >>> X = X.astype("float32")
    >>> net = make_pipeline(StandardScaler(), ShallowNetClassifier(random_state=0)).fit(X, y)
    >>> register_converter()
    >>> model = to_onnx(net, X[:1], options={"zipmap": False})
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            'Conversion to ONNX needs skl2onnx. Install it with: pip install "sk-shallow[onnx]"'
        ) from error
    from sk_shallow._classifier import ShallowNetClassifier

    # With "zipmap" among the options, skl2onnx takes its own parser of classifiers.
    update_registered_converter(ShallowNetClassifier, ALIAS, _set_output_types, _convert, options=OPTIONS)


def _set_output_types(operator: Any) -> None:
    """Set the types and shapes of labels and probabilities."""
    from skl2onnx.common.data_types import Int64TensorType
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    calculate_linear_classifier_output_shapes(operator)
    net = operator.raw_operator
    if isinstance(net._targets, MultilabelTargets):
        shape = [operator.inputs[0].get_first_dimension(), net.n_outputs_]
        operator.outputs[0].set_type(Int64TensorType(shape))


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add a net to an ONNX model; the signature is skl2onnx's."""
    from onnx.helper import np_dtype_to_tensor_dtype
    from skl2onnx.common.data_types import DoubleTensorType

    net = operator.raw_operator
    is_double = isinstance(operator.inputs[0].type, DoubleTensorType)
    if is_double:
        _refuse_zipmap(operator)
    if container.target_opset_onnx < LEAST_OPSET:
        got = f"Got target_opset={container.target_opset_onnx}"
        raise ValueError(f"target_opset must be {LEAST_OPSET} or later. {got}: leave it out, or raise it.")
    graph = Graph(scope, container, np.float64 if is_double else np.float32, len(net.coefs_[1]))
    X = graph("Cast", operator.inputs[0].full_name, to=np_dtype_to_tensor_dtype(graph.dtype))
    scores = _class_logits(net, X, graph)
    _add_labels(net, scores, graph, output=operator.outputs[0].full_name)
    raw = container.get_options(net, {"raw_scores": False})["raw_scores"]
    add_probabilities = _add_logits if raw else PROBABILITIES[net.out_activation_]
    add_probabilities(scores, graph, operator.outputs[1].full_name)


def _refuse_zipmap(operator: Any) -> None:
    """Raise ValueError where probabilities in float64 are to become dictionaries."""
    name = operator.outputs[1].full_name
    for other in operator.scope_inst.operators.values():
        if other.type == "SklearnZipMap" and name in [variable.full_name for variable in other.inputs]:
            raise ValueError(
                "zipmap=True needs float32: onnxruntime has no dictionaries of float64. Got float64 input. Pass "
                'options={"zipmap": False} (or "columns") to to_onnx, or convert with X[:1].astype("float32").'
            )


def _class_logits(net: Any, X: str, graph: Graph) -> str:
    """Add the net up to a logit for each of the classes, as `Targets.class_logits`."""
    (W1, W2), (b1, b2) = net.coefs_, net.intercepts_
    Z1 = graph("Gemm", _clipped(X, W1, graph), W1, b1)
    A1 = _converter_of(net._activation)(net._activation, Z1, graph)
    Z2 = graph("Gemm", _clipped(A1, W2, graph), W2, b2)
    return graph("Concat", graph("Neg", Z2), Z2, axis=1) if len(net.classes_) == 2 and len(b2) == 1 else Z2


def _clipped(A: str, W: np.ndarray, graph: Graph) -> str:
    """Add limits beyond which ``A W`` might overflow, and infinities of both signs meet."""
    limit = float(np.finfo(graph.dtype).max) / 4 / (1 + np.abs(W.astype(np.float64)).sum(axis=0).max())
    return graph("Clip", A, -limit, limit)


def _add_labels(net: Any, scores: str, graph: Graph, output: str) -> None:
    """Add the predicted labels; of two classes that are equally probable the first, as in `predict`."""
    from onnx import TensorProto
    from skl2onnx.common.utils_classifier import get_label_classes

    if isinstance(net._targets, MultilabelTargets):
        graph("Cast", graph("Greater", scores, 0.0), to=TensorProto.INT64, output=output)
    else:
        classes = np.asarray(get_label_classes(graph.scope, net))
        classes = classes if classes.dtype.kind in "OU" else classes.astype(np.int64)
        graph("Gather", classes, graph("ArgMax", scores, axis=1, keepdims=0), axis=0, output=output)


def _add_logits(scores: str, graph: Graph, output: str) -> None:
    graph("Identity", scores, output=output)


def _add_sigmoid(scores: str, graph: Graph, output: str) -> None:
    """Add probabilities limited as those of `SigmoidHead`."""
    limits = np.finfo(graph.dtype)
    graph("Clip", _sigmoid(scores, graph), float(limits.tiny), float(1 - limits.epsneg), output=output)


def _add_softmax(scores: str, graph: Graph, output: str) -> None:
    graph("Softmax", scores, axis=1, output=output)


PROBABILITIES: dict[str, Callable[[str, Graph, str], None]] = {"logistic": _add_sigmoid, "softmax": _add_softmax}


def _converter_of(activation: Activation) -> "Converter":
    """Return the converter of an activation; raises ValueError where there is none."""
    kind = type(activation)
    if kind not in CONVERTERS:
        raise ValueError(
            f"The activation must be of a class in sk_shallow.onnx.CONVERTERS. Got {activation!r}, of class "
            f"{kind.__module__}.{kind.__qualname__}. Register a converter for it: CONVERTERS[{kind.__name__}] = "
            "convert, where convert(activation, Z, graph) adds ONNX operators, such as graph('Sin', Z), and returns "
            "the last one's result. The docstring of sk_shallow.onnx has an example."
        )
    return CONVERTERS[kind]


def _sigmoid(Z: str, graph: Graph) -> str:
    # Where exp(-z) is infinite, this is 0; onnxruntime's own Sigmoid of float32 ends at 1e-8.
    return graph("Div", 1.0, _one_plus_exp(Z, graph))


def _one_plus_exp(Z: str, graph: Graph) -> str:
    """Add ``1 + exp(-z)``."""
    return graph("Add", graph("Exp", graph("Neg", Z)), 1.0)


def _softplus(Z: str, graph: Graph) -> str:
    return graph("Add", graph("Max", Z, 0.0), graph("Log", _one_plus_exp(graph("Abs", Z), graph)))


def _elu(Z: str, graph: Graph, alpha: float) -> str:
    below = graph("Sub", graph("Exp", graph("Min", Z, 0.0)), 1.0)
    return graph("Add", graph("Max", Z, 0.0), graph("Mul", below, alpha))


def _polynomial(coefficients: tuple[float, ...], T: str, graph: Graph) -> str:
    """Add a polynomial, highest power first."""
    value = graph("Add", graph("Mul", T, coefficients[0]), coefficients[1])
    for coefficient in coefficients[2:]:
        value = graph("Add", graph("Mul", value, T), coefficient)
    return value


def _convert_gelu(activation: Activation, Z: str, graph: Graph) -> str:
    """Add ``z Phi(z)``, with Phi as in `normal_distribution`: onnxruntime has no Erf of float64."""
    T = graph("Min", graph("Abs", Z), 40.0)
    density = graph("Exp", graph("Mul", graph("Mul", T, T), -0.5))
    ratio = graph("Div", _polynomial(HART_P, T, graph), _polynomial(HART_Q, T, graph))
    tail = graph("Mul", ratio, density)
    return graph("Mul", Z, graph("Where", graph("Greater", Z, 0.0), graph("Sub", 1.0, tail), tail))


def _convert_maxout(activation: Maxout, Z: str, graph: Graph) -> str:
    n1 = graph.n_units
    starts = [j * n1 for j in range(int(activation.n_pieces))]
    pieces = [graph("Slice", Z, np.array([start]), np.array([start + n1]), np.array([1])) for start in starts]
    return graph("Max", *pieces)


def _convert_selu(activation: SELU, Z: str, graph: Graph) -> str:
    return graph("Mul", _elu(Z, graph, activation.alpha), activation.scale)


# convert(activation, Z, graph) takes the name of Z1, (m, n_pieces * n_units), and returns that of A1, (m, n_units).
Converter = Callable[[Any, str, Graph], str]

CONVERTERS: dict[type[Activation], Converter] = {
    Identity: lambda activation, Z, graph: Z,
    Sigmoid: lambda activation, Z, graph: _sigmoid(Z, graph),
    Tanh: lambda activation, Z, graph: graph("Tanh", Z),
    ReLU: lambda activation, Z, graph: graph("Max", Z, 0.0),
    LeakyReLU: lambda activation, Z, graph: graph("Max", graph("Mul", Z, float(activation.negative_slope)), Z),
    ELU: lambda activation, Z, graph: _elu(Z, graph, float(activation.alpha)),
    Maxout: _convert_maxout,
    Softplus: lambda activation, Z, graph: _softplus(Z, graph),
    SELU: _convert_selu,
    GELU: _convert_gelu,
    SiLU: lambda activation, Z, graph: graph("Div", Z, _one_plus_exp(Z, graph)),
    Mish: lambda activation, Z, graph: graph("Mul", Z, graph("Tanh", _softplus(Z, graph))),
}
