"""Which file system a path lies on, and that a state on a network is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.errors import StateError
from sieve_jobs.state.mounts import NETWORK, file_system_of, read_mounts
from sieve_jobs.state.sqlite import open_store

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:20 / /proc rw,nosuid shared:2 - proc proc rw
40 22 0:35 / /home rw,relatime shared:9 - nfs4 files:/home rw,vers=4.2
41 40 0:36 / /home/ann/local rw,relatime - xfs /dev/vdb rw
42 22 0:37 / /mnt/my\040share rw - cifs //server/share rw
43 22 0:38 / /srv rw - ext4 /dev/vdc rw
44 43 0:39 / /srv rw - fuse.sshfs ann@host:/srv rw
45 22 0:40 / /opt master:3 propagate_from:2 - 9p opt rw
46 22 0:41 / /odd\134place rw - ceph mon:/ rw
broken line
47 22 - nfs
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        pytest.param("/p/.sieve-jobs", "ext4", id="the root"),
        pytest.param("/home/ann/p/.sieve-jobs", "nfs4", id="nfs"),
        pytest.param("/home", "nfs4", id="the mount point itself"),
        pytest.param("/homes/ann", "ext4", id="a name that only begins alike"),
        pytest.param("/home/ann/local/p", "xfs", id="a disk mounted inside"),
        pytest.param("/mnt/my share/p", "cifs", id="a space in the name"),
        pytest.param("/odd\\place/p", "ceph", id="a backslash in the name"),
        pytest.param("/srv/p", "fuse.sshfs", id="one mounted over another"),
        pytest.param("/opt/p", "9p", id="no optional fields"),
        pytest.param("relative", "", id="no absolute path"),
    ],
)
def test_file_system_of(path: str, kind: str) -> None:
    assert file_system_of(path, MOUNTS) == kind


def test_without_a_list_nothing_is_known() -> None:
    assert file_system_of("/home", "") == ""


def test_the_kernel_of_this_machine_is_understood() -> None:
    if not read_mounts():
        pytest.skip("no list of mounts here")
    assert file_system_of("/proc/self", read_mounts()) == "proc"


@pytest.mark.parametrize("kind", sorted(NETWORK))
def test_a_state_on_a_network_is_refused_before_it_is_made(tmp_path: Path, kind: str) -> None:
    with pytest.raises(StateError) as caught:
        open_store(tmp_path / "prod.db", mounts=lambda: f"22 1 0:1 / / rw - {kind} server:/ rw\n")
    assert caught.value.diagnostics[0].code == "SJ156"
    assert f"({kind})" in caught.value.diagnostics[0].message
    assert list(tmp_path.iterdir()) == []
