# SPDX-License-Identifier: Apache-2.0
"""All of Weft in the svm bed's outer machine, where there is KVM: `weft deploy` starts weftd and the
engine, and routers in weft-vmm, which is what a machine with KVM gives them by itself."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import bed

LAB = """name: lab
topology:
  defaults: {kind: linux}
  nodes:
    r1: {image: frr, binds: [frr1.conf:/etc/frr/frr.conf, daemons:/etc/frr/daemons]}
    r2: {image: frr, binds: [frr2.conf:/etc/frr/frr.conf, daemons:/etc/frr/daemons], cpu: 2,
         weft: {attachment: vhost-user}}
    h1: {image: host, exec: [ip addr add 10.0.1.10/24 dev eth1, ip route add default via 10.0.1.1]}
    h2: {image: host, exec: [ip addr add 10.0.2.10/24 dev eth1, ip route add default via 10.0.2.1]}
  links:
    - endpoints: ["h1:eth1", "r1:eth1"]
    - endpoints: ["r1:eth2", "r2:eth2"]
    - endpoints: ["r2:eth1", "h2:eth1"]
"""
# The same, edited: a host and a link more, at the router that runs.
MORE = LAB.replace("  links:\n", """    h3: {image: host, exec: [ip addr add 10.0.3.10/24 dev eth1]}
  links:
    - endpoints: ["r1:eth3", "h3:eth1"]
""")
FRR = """frr defaults traditional
interface eth1
 ip address 10.0.{n}.1/24
interface eth2
 ip address 10.0.0.{n}/24
interface eth3
 ip address 10.0.3.{n}/24
router bgp 6500{n}
 no bgp ebgp-requires-policy
 neighbor 10.0.0.{peer} remote-as external
 neighbor 10.0.0.{peer} timers connect 1
 address-family ipv4 unicast
  network 10.0.{n}.0/24
"""
# As in the template of which r1 is a clone.
DAEMONS = 'bgpd=yes\nvtysh_enable=yes\nzebra_options="  -A 127.0.0.1 -s 90000000"\n'
LIBRARIES = "usr/lib/x86_64-linux-gnu"
# Drivers that DPDK looks for in its directory.
DRIVERS = [f"{LIBRARIES}/dpdk/pmds-23.0/librte_{name}.so" for name in ("mempool_ring", "net_vhost")]

# What lies at / cannot be pivoted away from, as a jail does with its root; a mount of it can.
ENTER = """modprobe tun
tar -xf /bed/root.tar -C /
mkdir /root/top
mount --bind / /root/top
for dir in dev proc sys; do mount --bind /$dir /root/top/$dir; done
exec chroot /root/top /bed/lab/run"""

RUN = """#!/bin/sh
export PATH=/bed:$PATH WEFT_SHARE=/bed/lab
step() { name=$1; shift; echo "bed: $name"; "$@" </dev/null 2>&1 | cat; echo "bed: $name is over"; }
await_ping() { # from, to
	for i in $(seq 120); do
		weft exec lab $1 -- ping -c 1 -W 2 $2 </dev/null >/dev/null 2>&1 && return
	done
	echo "no echo"
}
await_carrier() { # router, interface, what it is to be
	for i in $(seq 120); do
		[ "$(weft exec lab $1 -- cat /sys/class/net/$2/carrier </dev/null 2>&1)" = $3 ] && return
	done
	echo "carrier is not $3"
}
step deploy weft deploy /bed/lab/lab.clab.yml --timeout 600
step await await_ping h1 10.0.2.10
step ping weft exec lab h1 -- ping -c 20 -i 0.2 10.0.2.10
step first weft inspect lab --format json
step vhost sh -c 'ls /run/weft/v/*/sock | wc -l'
step pairs weft exec lab r2 -- ls /sys/class/net/eth1/queues
step more weft deploy /bed/lab/more.clab.yml --timeout 600
step new await_ping h3 10.0.3.1
step up await_carrier r1 eth3 1
for end in r1:eth3 r2:eth1; do
	weft link down lab $end
	step "$end down" await_carrier ${end%:*} ${end#*:} 0
	weft link up lab $end
	step "$end up" await_carrier ${end%:*} ${end#*:} 1
done
step edited weft inspect lab --format json
step fewer weft deploy /bed/lab/lab.clab.yml --timeout 600
step nics weft exec lab r1 -- ls /sys/class/net
step pause weft pause lab
step resume weft resume lab
kill -9 $(pidof weftd)
step again weft deploy /bed/lab/lab.clab.yml --timeout 600
step second weft inspect lab --format json
mkfifo /root/gdb
step debug sh -c 'weft debug lab r1 </root/gdb | (
	exec 3>/root/gdb; printf "\\$qAttached#8f" >&3; dd bs=1 count=6 2>/dev/null)'
step destroy weft destroy --all
step left sh -c 'ls /run/weft /run/netns; pidof weft-vmm weft-dp weftd'
for log in /var/lib/weft/log/*; do sed "s,^,$log: ," $log; done
"""


def libraries(*programs):
    """{path below /: file}, of what the dynamic linker would load for them."""
    found = {}
    for program in programs:
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for path in re.findall(r"=> (/\S+)", said):
            found[f"{LIBRARIES}/{os.path.basename(path)}"] = path
    return found


def pack(tmp):
    """The tar of all that the outer system has not."""
    top = pathlib.Path(tmp) / "root"
    image = pathlib.Path(f"{bed.STORE}/frr").resolve()
    store = top / "var/lib/weft/images"
    (store / image.name).mkdir(parents=True)
    for path in image.iterdir():
        if path.is_file():
            shutil.copy(path, store / image.name)
    (store / "frr").symlink_to(image.name)
    lab = top / "bed/lab"
    lab.mkdir(parents=True)
    shutil.copy(bed.SRC / "configs/images.yml", lab)
    files = {"lab.clab.yml": LAB, "more.clab.yml": MORE, "daemons": DAEMONS, "run": RUN,
             **{f"frr{n}.conf": FRR.format(n=n, peer=3 - n) for n in (1, 2)}}
    for name, text in files.items():
        (lab / name).write_text(text)
    (lab / "run").chmod(0o755)
    programs = [f"{bed.BIN}/{name}" for name in ("weft", "weftd", "weft-dp")]
    for program in programs:
        subprocess.run(["strip", "-o", top / "bed" / os.path.basename(program), program], check=True)
    drivers = {name: f"/{name}" for name in DRIVERS}
    for name, path in {**libraries(*programs, *drivers.values()), **drivers}.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, top / name)
    subprocess.run(["tar", "-cf", f"{tmp}/root.tar", "-C", top, "."], check=True)
    shutil.rmtree(top)
    return f"{tmp}/root.tar"


@pytest.fixture(scope="module")
def outer(tmp_path_factory):
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("there is no qemu-system-x86_64")
    tmp = str(tmp_path_factory.mktemp("deploy"))
    machine = bed.SvmBed(tmp, {"root.tar": pack(tmp)}, ENTER, channels=0, memory=2048)
    yield machine
    machine.close()


def step(machine, name, timeout):
    """What was said in a step of the script."""
    said = machine.wait_for(f"bed: {name} is over\n", timeout)
    return said.split(f"bed: {name}\n", 1)[1].split(f"bed: {name} is over\n", 1)[0]


def inspected(text):
    """What `weft inspect` says, maybe after a word that it waits."""
    return json.loads(text[text.index("{"):])


def routers(vnet):
    return {n["name"]: n for n in vnet["nodes"] if n["kind"] == "router"}


def test_deploy(outer, proved):
    """The vnet comes up, its hosts reach each other, and the engine has forwarded that."""
    outer.wait_for("bed: kvm kvm_amd", 60)
    said = step(outer, "deploy", 400)
    assert "lab is ready" in said, outer.said()
    assert step(outer, "await", 200) == "", outer.said()
    assert "20 packets received" in step(outer, "ping", 60), outer.said()
    vnet = inspected(step(outer, "first", 60))
    assert step(outer, "vhost", 60) == "2\n", outer.said()
    for node in routers(vnet).values():
        assert (node["state"], node["machine"], node["accel"]) == ("ready", "weft-vmm", "kvm"), node
        assert node["synced"] and node["fib"][0]["ipv4"] > 0, node
    first, second = routers(vnet)["r1"], routers(vnet)["r2"]
    assert second["boot"] == "cold", second  # no clone has two CPUs, or a NIC by vhost-user
    # weftd gives a template up after 180 s, which it may take on a busy machine.
    assert first["boot"] == "clone" or "has no template" in first["boot_why"], first
    assert vnet["state"] == "running" and vnet["counters"]["forwarded"] >= 80, vnet["counters"]
    proved("`weft deploy` starts two unmodified FRR guests in jailed weft-vmm by itself, one "
           f"attached by relays ({first['boot']}), one by vhost-user (cold); BGP between "
           "them; 20 of 20 pings between hosts through "
           f"both, {vnet['counters']['forwarded']} packets forwarded by the engine; "
           f"{outer.seconds():.0f} s, {outer.cpu_s():.0f} CPU s")


def test_pairs(outer, proved):
    """A router by vhost-user has a pair of queues for each CPU."""
    queues = step(outer, "pairs", 60).split()
    assert queues == ["rx-0", "rx-1", "tx-0", "tx-1"], queues
    proved("a router with 2 CPUs by vhost-user has 2 pairs of queues from the engine")


def test_edit(outer, proved):
    """A link comes to a router that runs, and goes again; carrier is what the file and `weft link` say."""
    before = routers(inspected(step(outer, "first", 60)))
    assert "lab is ready" in step(outer, "more", 200), outer.said()
    for name in "new", "up", "r1:eth3 down", "r1:eth3 up", "r2:eth1 down", "r2:eth1 up":
        assert step(outer, name, 200) == "", outer.said()
    after = routers(inspected(step(outer, "edited", 60)))
    assert after["r1"]["spare_nics"] == before["r1"]["spare_nics"] - 1, after
    assert "lab is ready" in step(outer, "fewer", 200), outer.said()
    names = step(outer, "nics", 60).split()
    assert "eth3" not in names and sum(n.startswith("spare+") for n in names) == before["r1"]["spare_nics"], names
    for name, node in before.items():
        assert (after[name]["pid"], after[name]["restarts"]) == (node["pid"], node["restarts"]), after
    proved("an edited file gives a router that runs a link, whose interface has FRR's address and carrier, and "
           "takes it away; `weft link down` and `up` reach guests by a relay and by vhost-user")


def test_pause(outer, proved):
    """All guests stand still, and go on."""
    for verb in "pause", "resume":
        said = step(outer, verb, 60)
        assert "2 routers " in said, outer.said()
        proved(f"`weft {verb} lab`: {said.strip()}")


def test_adoption(outer, proved):
    """weftd was killed: the next one goes on with the machines that run."""
    assert "lab is ready" in step(outer, "again", 200), outer.said()
    first, second = (routers(inspected(step(outer, name, 60))) for name in ("first", "second"))
    assert {n: (r["pid"], r["restarts"]) for n, r in first.items()} == {
        n: (r["pid"], r["restarts"]) for n, r in second.items()}, outer.said()
    assert "$1#31" in step(outer, "debug", 60), outer.said()
    proved("weftd killed, its successor has the same machines; gdb's protocol through `weft debug`")


def test_destroy(outer, proved):
    """Nothing is left, and the outer machine goes off by itself."""
    step(outer, "destroy", 100)
    left = step(outer, "left", 30)
    assert re.sub(r"ls: [^\n]*No such file or directory\n|/run/netns:\n", "", left) == "", left
    outer.wait_end(60)
    proved(f"`weft destroy --all` leaves nothing; {outer.seconds():.0f} s in all")
