# SPDX-License-Identifier: Apache-2.0
"""The engine's API (dataplane/api.h) in Python: records, a connection."""
import array
import socket
import struct

(HELLO, SYNC, VNET_SET, VNET_DEL, NODE_SET, NODE_DEL, PORT_SET, PORT_DEL, LINK_SET, LINK_DEL,
 FIB_SET, FIB_DEL, FIB_SYNC, NH_SET, NH_DEL, ROUTE_SET, ROUTE_DEL, PORT_GET, VNET_GET,
 FIB_GET, MEMORY_GET, CAPTURE_SET, CAPTURE_PORT, CAPTURE_DEL, IMPAIR_SET, WORKER_GET, TRACE,
 ROUTE_GET) = range(1, 29)
ROUTER, HOST, BRIDGE, PHYSICAL = range(1, 5)
NONE, DGRAM, TAP, DEV = range(4)
PUNT, DROP, ADJ, GROUP, LOCAL = range(1, 6)
ASLEEP = 8
CAPTURE_RX, CAPTURE_TX = 1, 2
DATAGRAM_MAX, RECORDS_MAX = 65536, 4096
HAS_FD, NO_IP4, NO_IP6, DOWN = 1, 2, 4, 8
DROPS = ("link_down port_down no_backing backing_full runt giant source_mac ip4_header ip6_header "
         "blackhole policed bridge_loop bridge_same no_memory isolation asleep "
         "queue_full queue_delay share vlan offload loss link_full").split()


class Refused(Exception):
    def __init__(self, status, index, text):
        super().__init__(text)
        self.errno, self.index = -status, index


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def record(op, body=b""):
    body += bytes(-len(body) % 8)
    return struct.pack("=HHI", op, 8 + len(body), 0) + body


def by_id(op, id):
    return record(op, struct.pack("=II", id, 0))


def sync(end, op=SYNC, id=0):
    return record(op, struct.pack("=II", id, end))


def vnet(id, name="v", weight=0, guarantee=0):
    return record(VNET_SET, struct.pack("=IIII64s", id, weight, guarantee, 0, name.encode()))


def node(id, vnet, kind, flags=0, name="n"):
    return record(NODE_SET, struct.pack("=IIII64s", id, vnet, kind, flags, name.encode()))


def port(id, node, backing=NONE, flags=0, fib=0, mtu=1500, vlan=0, mac_="02:00:00:00:00:01",
         name=None, dev="", rate=0, guarantee=0, ceiling=0):
    return record(PORT_SET, struct.pack("=IIIIIHH6sH64s128sQQQ", id, node, backing, flags, fib, mtu,
                                        vlan, mac(mac_), 0, (name or f"p{id}").encode(),
                                        dev.encode(), rate, guarantee, ceiling))


def link(id, a, b, down=0):
    return record(LINK_SET, struct.pack("=IIII", id, a, b, down))


def impair(link, port, seed=0, delay_ns=0, jitter_ns=0, rate=0, limit=0, loss=0, corrupt=0,
           duplicate=0, reorder=0):
    """Of what the port sends. Probabilities are parts of 1."""
    parts = (loss, 0, 0, 0, corrupt, duplicate, reorder)
    return record(IMPAIR_SET, struct.pack("=IIQQQQI7I", link, port, seed, delay_ns, jitter_ns,
                                          rate, limit, *(round(p * 1e9) for p in parts)))


def fib(id, node, max_routes=0):
    return record(FIB_SET, struct.pack("=IIII", id, node, 254, max_routes))


def nh(node, id, kind, port=0, mac_="00:00:00:00:00:00", members=()):
    return record(NH_SET, struct.pack("=IIII6sH", node, id, kind, port, mac(mac_), len(members)) +
                  struct.pack(f"={len(members)}I", *members))


def route(fib, nh, prefix, op=ROUTE_SET):
    addr, length = prefix.split("/")
    raw = socket.inet_pton(socket.AF_INET6 if ":" in addr else socket.AF_INET, addr)
    return routes(fib, [(raw, int(length), nh)], op)[0]


def routes(fib, table, op=ROUTE_SET):
    """Of many (packed address, length, next hop), quickly."""
    body = struct.Struct("=IBB6x16s")
    head = struct.pack("=HHII", op, 12 + body.size, 0, fib)
    return [head + body.pack(nh, 6 if len(addr) == 16 else 4, length, addr)
            for addr, length, nh in table]


def routes_get(fib, family, most=1024):
    """The first of them."""
    return record(ROUTE_GET, struct.pack("=IIBBB5x16s", fib, most, family, 0, 0, b""))


def capture(id, vnet, snap, channels):
    return record(CAPTURE_SET, struct.pack("=IIII", id, vnet, snap, channels))


def capture_port(capture, port, channel, flags):
    return record(CAPTURE_PORT, struct.pack("=IIII", capture, port, channel, flags))


class Client:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(10)
        self.s.connect(path)
        self.seq = 0

    def close(self):
        self.s.close()

    def raw(self, data, fds=()):
        anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.s.sendmsg([data], anc)
        results = []
        while True:
            reply = self.s.recv(65536)
            seq, status, index, flags, count, text = struct.unpack_from("=IiIII252s", reply)
            at = 272
            for _ in range(count):
                op, size, _ = struct.unpack_from("=HHI", reply, at)
                results.append(reply[at:at + size])
                at += size
            assert at == len(reply)
            if not flags & 1:
                break
        if status:
            raise Refused(status, index, text.split(b"\0")[0].decode())
        return results

    def do(self, *records, fds=()):
        self.seq += 1
        return self.raw(struct.pack("=II", self.seq, len(records)) + b"".join(records), fds)

    def program(self, records):
        """In order, in as many requests as it takes."""
        batch, size = [], 0
        for r in records:
            if len(batch) == RECORDS_MAX or size + len(r) > DATAGRAM_MAX - 8:
                self.do(*batch)
                batch, size = [], 0
            batch.append(r)
            size += len(r)
        self.do(*batch)

    def hello(self):
        keys = "version pid boot_id has_state hugepages workers".split()
        return dict(zip(keys, struct.unpack_from("=IIQIII", self.do(record(HELLO))[0], 8)))

    def ports(self, id=0):
        out = {}
        for r in self.do(by_id(PORT_GET, id)):
            v = struct.unpack_from(f"=IIII7Q{len(DROPS)}QIIQ6Q", r, 8)
            keys = ("id vnet node state rx rx_bytes tx tx_bytes forwarded punted "
                    "injected").split()
            out[v[0]] = dict(zip(keys, v)) | {
                "drops": dict(zip(DROPS, v[11:])), "queued": v[-9], "on_wire": v[-8],
                "marked": v[-7], "delay_ns": v[-6:-3],
                **dict(zip(("corrupted", "duplicated", "reordered"), v[-3:]))}
        return out

    def vnets(self):
        out = {}
        for r in self.do(by_id(VNET_GET, 0)):
            v = struct.unpack_from(f"=II3Q{len(DROPS)}Q", r, 8)
            out[v[0]] = dict(zip("id pad forwarded punted injected".split(), v)) | {
                "drops": dict(zip(DROPS, v[5:]))}
        return out

    def memory(self):
        keys = "buffers buffers_used jumbos jumbos_used packet_memory heap fibs".split()
        return dict(zip(keys, struct.unpack_from("=7Q", self.do(record(MEMORY_GET))[0], 8)))

    def fibs(self):
        return {v[0]: v[2:4] for v in (struct.unpack_from("=IIIIQ", r, 8)
                                       for r in self.do(by_id(FIB_GET, 0)))}
