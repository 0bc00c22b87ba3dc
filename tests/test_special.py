"""The fast special functions agree with SciPy's."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from sk_shallow._special import normal_distribution, sigmoid, softplus_and_slope

parametrize = pytest.mark.parametrize
Z = np.r_[np.linspace(-40, 40, 8001), -1e30, 1e30][:, np.newaxis]


def softplus(z):
    return softplus_and_slope(z)[0]


def slope(z):
    return softplus_and_slope(z)[1]


@parametrize(("function", "reference"), [(sigmoid, expit), (softplus, lambda z: np.logaddexp(0, z)), (slope, expit)])
@parametrize(("dtype", "rtol"), [(np.float64, 1e-15), (np.float32, 1e-6)])
def test_functions(function, reference, dtype, rtol):
    value = function(Z.astype(dtype))
    assert value.dtype == dtype
    np.testing.assert_allclose(value, reference(Z.astype(dtype).astype(float)), rtol=rtol, atol=rtol)


def test_sigmoid_in_place():
    z = Z.copy()
    assert sigmoid(z, out=z) is z
    np.testing.assert_array_equal(z, sigmoid(Z))


@parametrize(("dtype", "atol"), [(np.float64, 4e-16), (np.float32, 2e-7)])
def test_normal_distribution(dtype, atol):
    z = Z.astype(dtype)
    Phi, phi = normal_distribution(z)
    assert Phi.dtype == phi.dtype == dtype
    np.testing.assert_allclose(Phi, norm.cdf(z.astype(float)), rtol=0, atol=atol)
    np.testing.assert_allclose(phi, norm.pdf(z.astype(float)), rtol=0, atol=atol)
