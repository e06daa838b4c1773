from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_floe.synthetic import Ecommerce


def fresh(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_loading_the_fixtures_imports_none_of_the_libraries():
    heavy = "{'numpy', 'pyarrow', 'faker', 'hypothesis', 'duckdb', 'pyiceberg', 'pyspark', 'numba'}"
    assert fresh(f"import sys, pytest_floe.synthetic.fixtures; print({heavy} & set(sys.modules))") == "set()"


@pytest.mark.parametrize(("further", "heavy"), [("", "{'numpy', 'pyarrow'}"), (".batch(0)", "{'pyarrow.parquet'}")])
def test_the_main_interface_imports_what_it_needs_when_it_needs_it(further, heavy):
    never = "{'faker', 'hypothesis', 'duckdb', 'pyiceberg', 'pyspark', 'numba', 'pandas'}"
    use = f"from pytest_floe.synthetic import DataQuality, Ecommerce; Ecommerce(quality=DataQuality.demo()){further}"
    assert fresh(f"import sys; {use}; print(({heavy} | {never}) & set(sys.modules))") == "set()"


def test_the_command_starts_no_threads_for_linear_algebra_unless_told_to():
    """NumPy's wait for work at full speed: on two cores a fifth of the CPU time until the first batch."""
    prepared = "from pytest_floe.synthetic.process import prepare_process; prepare_process(); import os, numpy, psutil"
    assert fresh(f"{prepared}; print(psutil.Process().num_threads())") == "1"
    told = f"import os; os.environ['OPENBLAS_NUM_THREADS'] = '2'; {prepared}; print(os.environ['OPENBLAS_NUM_THREADS'])"
    assert fresh(told) == "2"


@pytest.mark.parametrize("use", ["synthetic.Ecommerce().batch(0)", "synthetic.restore"])
def test_a_library_that_is_not_installed_is_an_import_error_that_names_the_extra(use):
    code = f"""
import sys
sys.modules["numpy"] = None
from pytest_floe import synthetic
try:
    {use}
except ImportError as error:
    print(error)
"""
    assert fresh(code) == "numpy is not installed: pip install 'pytest-floe[synthetic]'"


def test_an_unknown_name_is_an_attribute_error():
    import pytest_floe.synthetic as package

    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="Nothing"):
        package.Nothing  # noqa: B018


def test_the_fixtures_serve_a_shop_and_its_first_batch(pytester):
    pytester.makeconftest("from pytest_floe.synthetic.fixtures import *")
    pytester.makepyfile(
        """
        def test_data(ecommerce, ecommerce_batch, ecommerce_factory):
            assert ecommerce_batch.number == 0
            assert len(ecommerce_batch.orders) >= 100
            assert len(ecommerce_batch.defects) > 0
            assert ecommerce == ecommerce_factory(seed=42, quality=ecommerce.quality)
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_failing_example_of_a_property_test_is_small_and_says_how_to_make_it_again(pytester):
    pytester.makepyfile(
        """
        from hypothesis import given, settings
        from pytest_floe.synthetic.strategies import batches

        @settings(database=None, derandomize=True)
        @given(batches())
        def test_my_deduplication(batch):
            assert len(batch.orders) == len(set(batch.orders["order_id"].to_pylist()))
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(failed=1)
    made = "batch_span=0:05:00, duplicate_rate=1, mapping_version=2, orders=1, plan=even, seed=0, start=2025-01-01T0*"
    holds = "1,000 customers, 500 products, 2 orders, 12 order_items, 7 defects>,"
    example = ["*test_my_deduplication(", f"* batch=<batch 0 of {made}: {holds}", "*)"]
    done.stdout.fnmatch_lines(example, consecutive=True)


def test_a_shop_is_a_value():
    import pickle

    shop = Ecommerce(seed=3)
    shop.batch(0, orders=1)
    assert pickle.loads(pickle.dumps(shop)) == shop
