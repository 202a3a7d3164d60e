# SPDX-License-Identifier: Apache-2.0
"""Sockets inside the hosts of a vnet, for a program that stays outside."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import threading

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454ca, 0x2, 0x1000, 0x4000
ETH_P_ALL = 3
PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 1, 1
_libc = ctypes.CDLL(None, use_errno=True)


def name(vnet, host):
    return f"weft-{vnet}-{host}"


def inside(namespace, make):
    """make() as called within the network namespace; what it opens stays there."""
    result = []

    def work():  # a thread of its own: none comes back with the wrong namespace
        try:
            with open(f"/run/netns/{namespace}", "rb") as f:
                if _libc.setns(f.fileno(), CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), f"setns {namespace}")
            result.append((make(), None))
        except OSError as e:
            result.append((None, e))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    value, error = result[0]
    if error:
        raise error
    return value


def tap(namespace, interface, flags=IFF_TAP | IFF_NO_PI):
    """A tap there, without blocking; it is made if there is none."""
    def make():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", interface.encode(), flags))
        return fd

    return inside(namespace, make)


def packets(interface):
    """Everything that an interface receives and sends, also what is for others."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    with contextlib.suppress(OSError):  # SO_RCVBUFFORCE
        s.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)
    s.bind((interface, ETH_P_ALL))
    member = (socket.if_nametoindex(interface).to_bytes(4, "little") +
              PACKET_MR_PROMISC.to_bytes(2, "little") + bytes(10))
    s.setsockopt(263, PACKET_ADD_MEMBERSHIP, member)  # SOL_PACKET
    s.setblocking(False)
    return s


def pings(vnet, host, address):
    """One echo, one second."""
    ping = ["ping", "-n", "-q", "-c", "1", "-W", "1", address]
    return subprocess.run(["ip", "netns", "exec", name(vnet, host), *ping], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
