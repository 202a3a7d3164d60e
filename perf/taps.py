# SPDX-License-Identifier: Apache-2.0
"""The taps of two hosts, without an engine between them: what one's kernel hands over is read, gets the
other's MAC, and is written. A program that forwards through taps does this at least.

  taps.py NAMESPACE MAC NAMESPACE MAC
"""
import fcntl
import os
import pathlib
import select
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True

from perf import netns  # noqa: E402

TUNSETOFFLOAD, TUN_F_ALL = 0x400454d0, 0x6f  # checksums; TCP, with ECN, and UDP in segments
HEADER, FRAME_MAX, TURN = 10, 65536, 4


def tap(name):
    """A tap `eth0` with headers, as weftd makes it for a host."""
    return netns.tap(name, "eth0", netns.IFF_TAP | netns.IFF_NO_PI | netns.IFF_VNET_HDR)


def copy(a, mac_a, b, mac_b):
    ways = {a: (b, mac_b), b: (a, mac_a)}
    buffer = bytearray(HEADER + FRAME_MAX)
    whole = memoryview(buffer)
    epoll = select.epoll()
    for fd in ways:
        fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_ALL)
        epoll.register(fd, select.EPOLLIN)
    while True:
        for fd, _ in epoll.poll():
            to, mac = ways[fd]
            for _ in range(TURN):
                try:
                    n = os.readv(fd, (buffer,))
                except BlockingIOError:
                    break
                if not buffer[HEADER] & 1:  # what is for all has no router to answer it
                    buffer[HEADER:HEADER + 6] = mac
                    os.write(to, whole[:n])


def main(name_a, mac_a, name_b, mac_b):
    copy(tap(name_a), bytes.fromhex(mac_a.replace(":", "")), tap(name_b),
         bytes.fromhex(mac_b.replace(":", "")))


if __name__ == "__main__":
    main(*sys.argv[1:])
