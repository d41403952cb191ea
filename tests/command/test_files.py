# ranks: 1
"""Files that the C layer writes, as Python users open them."""

import subprocess

import h5py
import numpy as np
import pytest
import xarray

from support import ROOT


@pytest.fixture(scope="module")
def path():
    """The file that the unit test of the HDF5 layer leaves behind."""
    subprocess.run(["make", "build/tests/io_h5"], cwd=ROOT, check=True, capture_output=True, timeout=600)
    subprocess.run([ROOT / "build" / "tests" / "io_h5"], cwd=ROOT, check=True, capture_output=True, timeout=120)
    return ROOT / "build" / "tests" / "io_h5.h5"


def fake_points():
    return (np.arange(3 * 200 * 40) % 977 / 8).reshape(3, 200, 40)


def test_xarray_finds_dimensions_and_coordinates(path):
    with xarray.open_dataset(path, group="trajectory", engine="h5netcdf") as data:
        assert data.fake.dims == ("iteration", "point", "coordinate")
        assert data.iteration.values.tolist() == [0, 10, 20]
        np.testing.assert_array_equal(data.fake.values, fake_points())
        assert data.fake.attrs["long_name"] == "generated points"
        assert data.iteration.attrs["units"] == "1"
        assert data.fake.sel(iteration=10).shape == (200, 40)


def test_scale_of_another_group_is_a_coordinate(path):
    with xarray.open_dataset(path, group="metrics", engine="h5netcdf") as data:
        assert data.mmd2.dims == ("iteration",)
        assert float(data.mmd2.sel(iteration=20)) == 0.125
        assert data.mmd2.attrs["units"] == "m"
        assert data.iteration.attrs["long_name"] == "generator steps done"


def test_axes_without_a_name_and_texts(path):
    with xarray.open_dataset(path, group="matrix", engine="h5netcdf") as data:
        assert data.gram.dims == ("gram_dim_0", "column")
    with xarray.open_dataset(path, group="runs", engine="h5netcdf") as data:
        assert data.label.values.tolist() == ["ipm/ReLU α", ""]


def test_what_xarray_read_it_can_write(path, tmp_path):
    with xarray.open_dataset(path, group="trajectory", engine="h5netcdf") as data:
        data.load().to_netcdf(tmp_path / "copy.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "copy.nc", engine="h5netcdf") as data:
        np.testing.assert_array_equal(data.fake.values, fake_points())


def test_h5py_sees_scales_filters_and_attributes(path):
    with h5py.File(path) as file:
        fake = file["trajectory/fake"]
        assert [axis.label for axis in fake.dims] == ["iteration", "point", "coordinate"]
        assert fake.dims[0][0].name == "/trajectory/iteration"
        assert (fake.compression, fake.compression_opts, fake.shuffle, fake.fletcher32) == ("gzip", 1, True, True)
        assert fake.attrs["largest"] == 122.0
        assert file.attrs["settings"] == "seed: 1\n"
        assert file.attrs["format_version"] == 1
        assert file["value"][()] == 0.5
        assert isinstance(file["links"].get("0123", getlink=True), h5py.ExternalLink)
        attributes = {}
        file.visititems(lambda name, item: attributes.update({name: set(item.attrs)}) if isinstance(item, h5py.Dataset) else None)
        assert all("units" in names for names in attributes.values())
