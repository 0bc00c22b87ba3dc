"""Convert nets to ONNX with skl2onnx.

An activation of your own needs a method `to_onnx` (see `sk_shallow.activations.Activation`). For a pair of functions,
write it in a subclass of `FunctionActivation`.
"""

from typing import Any

import numpy as np

from sk_shallow._fit.targets import MultilabelTargets
from sk_shallow.activations import Activation, Sigmoid
from sk_shallow.losses import predicts_exp

__all__ = ["Graph", "register_converter"]

ALIAS, ALIAS_OF_REGRESSOR = "SkShallowShallowNetClassifier", "SkShallowShallowNetRegressor"
MIN_OPSET = 12  # the first with Clip of float64
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}


class Graph:
    """The ONNX graph of one net. The method `to_onnx` of an activation adds operators to it.

    ``graph("Mul", Z, 0.5)`` adds an operator and returns the name of its result. The operator must have one result, and
    onnxruntime must have it for the dtype of the graph. Inputs are names of earlier results, or constants: numbers and
    arrays of floats get the dtype of the graph, arrays and lists of integers become int64 (indices), and arrays of
    strings stay strings. Attributes of the operator are keyword arguments: ``graph("Concat", Z, Z, axis=1)``.

    Parameters
    ----------
    scope, container : skl2onnx objects
        The arguments that skl2onnx passes to a converter.
    dtype : dtype
        float32 or float64: the dtype of all computations.
    n_units : int in [1, inf)
        Number of hidden units, n1. `Z1` has ``n_pieces * n_units`` columns.
    """

    def __init__(self, scope: Any, container: Any, dtype: Any, n_units: int) -> None:
        self.scope = scope
        self.container = container
        self.dtype = np.dtype(dtype)
        self.n_units = n_units

    def __call__(self, op_type: str, *inputs: Any, output: str | None = None, **attributes: Any) -> str:
        """Add an operator and return the name of its result: `output`, or a new one."""
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
    """Tell skl2onnx how to convert the nets, alone and in pipelines.

    A converted classifier gives labels and probabilities, a regressor numbers. Call it once, before `skl2onnx.to_onnx`,
    which then has these options for classifiers:

    ``zipmap``
        True (skl2onnx's default) returns a dictionary per row, False an array of shape (n_samples, n_classes),
        "columns" an array per class. onnxruntime has no dictionaries of float64.
    ``raw_scores``
        Whether to return logits in place of probabilities. With two classes, these are two columns, ``-z`` and ``z``.
    ``nocl``
        Whether to return the index of the class in place of its label. Not for multilabel nets: their labels are zeros
        and ones anyway.
    ``output_class_labels``
        Whether to return the labels of all classes, too. Not with ``zipmap``.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Notes
    -----
    Labels are int64 or strings: False and True become 0 and 1. The model computes in float64 if X is float64, and in
    float32 otherwise.

    Finite rows give finite numbers. Features and hidden activations are clipped if their products with the weights
    could exceed a quarter of the largest number of the dtype. Labels can differ from those of `predict` only there, and
    in ties. Infinities are clipped too, while `predict` refuses them. nan gives nan.

    Only predictions are converted, not `transform`: put the net at the end of a pipeline, and not into a
    `FeatureUnion` or a `ColumnTransformer`.

    Later, `skl2onnx.to_onnx` raises ValueError if the class of the activation has no method `to_onnx` of its own, if X
    is float64 and ``zipmap=True``, or if `target_opset` is below 12.

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
        raise ImportError("ONNX models need skl2onnx. Install it: pip install skl2onnx") from error
    from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes as shapes

    from sk_shallow._classifier import ShallowNetClassifier
    from sk_shallow._regressor import ShallowNetRegressor

    # The option "zipmap" makes skl2onnx use its own parser of classifiers.
    update_registered_converter(ShallowNetClassifier, ALIAS, _set_output_types, _convert, options=OPTIONS)
    update_registered_converter(ShallowNetRegressor, ALIAS_OF_REGRESSOR, shapes, _convert_regressor)


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
    """Add a classifier to an ONNX model. The arguments are those of skl2onnx."""
    net = operator.raw_operator
    graph, logits = _graph_and_logits(scope, operator, container)
    if graph.dtype == np.float64:
        _refuse_zipmap(operator)
    if net._targets.is_binary:
        logits = graph("Concat", graph("Neg", logits), logits, axis=1)
    _add_labels(net, logits, graph, output=operator.outputs[0].full_name)
    probabilities = operator.outputs[1].full_name
    if container.get_options(net, {"raw_scores": False})["raw_scores"]:
        graph("Identity", logits, output=probabilities)
    elif net.out_activation_ == "softmax":
        graph("Softmax", logits, axis=1, output=probabilities)
    else:
        A2 = Sigmoid().to_onnx(logits, graph)
        limits = np.finfo(graph.dtype)  # as in SigmoidLogLoss
        graph("Clip", A2, float(limits.tiny), float(1 - limits.epsneg), output=probabilities)


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add a regressor to an ONNX model. The arguments are those of skl2onnx."""
    net, output = operator.raw_operator, operator.outputs[0].full_name
    graph, A2 = _graph_and_logits(scope, operator, container)
    if predicts_exp(net._loss):
        limits = np.finfo(graph.dtype)  # as in Poisson
        A2 = graph("Clip", graph("Exp", A2), float(limits.tiny), float(limits.max))
    lower, upper = net._targets.limits_in(graph.dtype)
    predictions = graph("Add", graph("Mul", A2, net.target_scale_), net.target_mean_)
    graph("Min", graph("Max", predictions, lower), upper, output=output)


def _refuse_zipmap(operator: Any) -> None:
    """Raise ValueError if probabilities in float64 should become dictionaries."""
    name = operator.outputs[1].full_name
    for other in operator.scope_inst.operators.values():
        if other.type == "SklearnZipMap" and name in [variable.full_name for variable in other.inputs]:
            raise ValueError(
                "zipmap=True needs float32: onnxruntime has no dictionaries of float64. Got float64 input. Pass "
                'options={"zipmap": False} (or "columns") to to_onnx, or convert with X[:1].astype("float32").'
            )


def _graph_and_logits(scope: Any, operator: Any, container: Any) -> tuple[Graph, str]:
    """Start the graph of a net, up to `Z2`."""
    from onnx.helper import np_dtype_to_tensor_dtype
    from skl2onnx.common.data_types import DoubleTensorType

    net, opset = operator.raw_operator, container.target_opset_onnx
    if opset < MIN_OPSET:
        raise ValueError(f"target_opset must be {MIN_OPSET} or later. Got target_opset={opset}: omit it or raise it.")
    is_double = isinstance(operator.inputs[0].type, DoubleTensorType)
    graph = Graph(scope, container, np.float64 if is_double else np.float32, len(net.coefs_[1]))
    X = graph("Cast", operator.inputs[0].full_name, to=np_dtype_to_tensor_dtype(graph.dtype))
    (W1, W2), (b1, b2) = net.coefs_, net.intercepts_
    Z1 = graph("Gemm", _clipped(X, W1, graph), W1, b1)
    kind = type(net._activation)
    # A subclass may compute something different from its base: an inherited method does not count.
    to_onnx = kind.to_onnx if "to_onnx" in vars(kind) else Activation.to_onnx
    A1 = to_onnx(net._activation, Z1, graph)
    if not isinstance(A1, str):
        raise ValueError(f"to_onnx of {kind.__qualname__} must return the name of its last result. Got {A1!r}.")
    return graph, graph("Gemm", _clipped(A1, W2, graph), W2, b2)


def _clipped(A: str, W: np.ndarray, graph: Graph) -> str:
    """Clip `A`, so that ``A W`` cannot overflow (inf - inf is nan)."""
    limit = float(np.finfo(graph.dtype).max) / 4 / (1 + np.abs(W.astype(np.float64)).sum(axis=0).max())
    return graph("Clip", A, -limit, limit)


def _add_labels(net: Any, logits: str, graph: Graph, output: str) -> None:
    """Add the predicted labels. In a tie, the first class wins, as in `predict`."""
    from onnx import TensorProto
    from skl2onnx.common.utils_classifier import get_label_classes

    if isinstance(net._targets, MultilabelTargets):
        graph("Cast", graph("Greater", logits, 0.0), to=TensorProto.INT64, output=output)
    else:
        classes = np.asarray(get_label_classes(graph.scope, net))
        classes = classes if classes.dtype.kind in "OU" else classes.astype(np.int64)
        graph("Gather", classes, graph("ArgMax", logits, axis=1, keepdims=0), axis=0, output=output)
