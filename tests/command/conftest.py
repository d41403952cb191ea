"""Settings of the command tests."""


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds; left out of `make check`")
