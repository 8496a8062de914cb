"""Tests of the state: contract of every store, damage, crashes, locks, migration."""

import pytest

pytest.register_assert_rewrite("tests.state.contract")
