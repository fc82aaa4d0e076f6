from __future__ import annotations

import socket
from pathlib import Path

from spanwise.diagnosis.sockets import listening

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:1F90 0200007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4 30 10 -1
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 99 1 0 20 4 30 10 -1
   3: a broken line
"""


def process(tmp_path: Path) -> Path:
    (tmp_path / "net").mkdir()
    (tmp_path / "fd").mkdir()
    (tmp_path / "net" / "tcp").write_text(TABLE)
    for number, inode in enumerate((11, 12)):
        (tmp_path / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
    return tmp_path


def test_a_table_of_the_kernel(tmp_path: Path) -> None:
    [server] = listening(process(tmp_path))
    assert (server.address, server.clients) == ("127.0.0.1:8080", ["127.0.0.2:50000"])


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert listening(tmp_path / "none") == []


def test_real_sockets_of_both_families() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as six,
        socket.create_connection(four.getsockname()) as first,
        socket.create_connection(("127.0.0.1", six.getsockname()[1])) as second,
        four.accept()[0],
        six.accept()[0],
    ):
        found = {each.address: each.clients for each in listening()}
        ports = four.getsockname()[1], six.getsockname()[1]
        assert found[f"127.0.0.1:{ports[0]}"] == [f"127.0.0.1:{first.getsockname()[1]}"]
        assert found[f"[::]:{ports[1]}"] == [f"127.0.0.1:{second.getsockname()[1]}"]
