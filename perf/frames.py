# SPDX-License-Identifier: Apache-2.0
"""Frames of a measurement: UDP in files that DPDK's net_pcap reads, and what a router makes of
them."""
import socket
import struct

SIZE = 64  # bytes without tag and check sequence
TTL = 64
PORTS = (1024, 2048)  # of UDP
PCAP = struct.Struct("=IHHiIII")
PCAP_MAGIC, PCAP_ETHERNET = 0xa1b2c3d4, 1
PCAP_FRAME = struct.Struct("=IIII")
IP4_SOURCE = socket.inet_pton(socket.AF_INET, "198.51.100.1")  # RFC 5737
IP6_SOURCE = socket.inet_pton(socket.AF_INET6, "2001:db8::1")  # RFC 3849


def checksum(header):
    """RFC 1071."""
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _ip4(dst, ttl, payload):
    head = struct.pack(">BBHIBBH4s4s", 0x45, 0, 20 + len(payload), 0, ttl, socket.IPPROTO_UDP, 0,
                       IP4_SOURCE, dst)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def _ip6(dst, ttl, payload):
    return struct.pack(">IHBB16s16s", 6 << 28, len(payload), socket.IPPROTO_UDP, ttl, IP6_SOURCE,
                       dst) + payload


def frame(to, sender, dst, vlan=0, ttl=TTL):
    """to and sender: MACs; dst: a packed address of either family."""
    make, header, ethertype = (_ip4, 20, 0x0800) if len(dst) == 4 else (_ip6, 40, 0x86dd)
    payload = bytes(SIZE - 14 - header - 8)
    udp = struct.pack(">HHHH", *PORTS, 8 + len(payload), 0) + payload
    tag = struct.pack(">HH", 0x8100, vlan) if vlan else b""
    return to + sender + tag + struct.pack(">H", ethertype) + make(dst, ttl, udp)


def write(path, frames):
    with open(path, "wb") as f:
        f.write(PCAP.pack(PCAP_MAGIC, 2, 4, 0, 0, 65535, PCAP_ETHERNET))
        for one in frames:
            f.write(PCAP_FRAME.pack(0, 0, len(one), len(one)) + one)


def read(path):
    data = path.read_bytes()
    at, frames = PCAP.size, []
    while at + PCAP_FRAME.size <= len(data):
        size = PCAP_FRAME.unpack_from(data, at)[2]
        at += PCAP_FRAME.size
        frames.append(data[at:at + size])
        at += size
    return frames
