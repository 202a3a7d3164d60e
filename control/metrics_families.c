/* SPDX-License-Identifier: Apache-2.0 */
/* Every metric: its name, what it means, and the field that it shows. docs/metrics.md says the same,
 * which a test compares. Names follow Prometheus' own rules: base units, _total for counters. */
#include "control/metrics_priv.h"
#include "control/stats.h"

static const char *const versions[] = { WEFT_VERSION };
static const char *const families[] = { "ipv4", "ipv6" };
static const char *const rings[RINGS] = {
	[RING_FROM_RELAY] = "from_relay", [RING_TO_RELAY] = "to_relay",
	[RING_TO_RELAY_CONTROL] = "to_relay_control",
};
static const char *const delays[DP_DELAY_COUNT] = {
	[DP_DELAY_P50] = "0.5", [DP_DELAY_P99] = "0.99", [DP_DELAY_P999] = "0.999"
};

#define FIELD(row, field) (((struct metrics_##row *)0)->field)
/* One field. */
#define ONE(kind, table_, row, field, name_, help_)                                          \
	{ .name = name_, .help = help_, .table = METRICS_##table_, .counter = kind,           \
	  .real = _Generic(FIELD(row, field), double: true, uint64_t: false),                 \
	  .offset = offsetof(struct metrics_##row, field), .count = 1 }
/* An array, a sample for each element. */
#define EACH(kind, table_, row, field, key_, values_, sparse_, name_, help_)                 \
	{ .name = name_, .help = help_, .table = METRICS_##table_, .counter = kind,           \
	  .real = _Generic(FIELD(row, field[0]), double: true, uint64_t: false),              \
	  .sparse = sparse_, .offset = offsetof(struct metrics_##row, field),                 \
	  .count = sizeof(FIELD(row, field)) / sizeof(uint64_t), .key = key_, .values = values_ }
#define COUNTER true
#define GAUGE	false
#define SPARSE	true
#define FULL	false

const struct metrics_family metrics_families[] = {
	EACH(GAUGE, DAEMON, daemon, info, "version", versions, FULL, "weft_info",
	     "1, of the version of weftd that runs."),
	ONE(GAUGE, DAEMON, daemon, vnets, "weft_vnets", "Vnets that weftd runs."),
	ONE(COUNTER, DAEMON, daemon, self.cpu_s, "process_cpu_seconds_total", "CPU time of weftd."),
	ONE(GAUGE, DAEMON, daemon, self.memory, "process_resident_memory_bytes", "Memory of weftd."),
	ONE(GAUGE, DAEMON, daemon, engine_up, "weft_engine_up",
	    "1 while weftd is connected to an engine; counters of packets begin anew with each."),
	ONE(COUNTER, DAEMON, daemon, engine_deaths, "weft_engine_deaths_total",
	    "Engines that have ended unasked for, since weftd started."),
	ONE(COUNTER, DAEMON, daemon, engine.cpu_s, "weft_engine_cpu_seconds_total",
	    "CPU time of the engine, all threads."),
	ONE(GAUGE, DAEMON, daemon, engine.memory, "weft_engine_resident_memory_bytes",
	    "Memory of the engine, huge pages left out."),
	ONE(GAUGE, DAEMON, daemon, buffers, "weft_engine_buffers", "Packet buffers of 2 KiB."),
	ONE(GAUGE, DAEMON, daemon, buffers_used, "weft_engine_buffers_used",
	    "Of them, those that hold packets."),
	ONE(GAUGE, DAEMON, daemon, jumbos, "weft_engine_jumbo_buffers", "Packet buffers of 9 KiB."),
	ONE(GAUGE, DAEMON, daemon, jumbos_used, "weft_engine_jumbo_buffers_used",
	    "Of them, those that hold packets."),
	ONE(GAUGE, DAEMON, daemon, packet_memory, "weft_engine_packet_memory_bytes",
	    "Memory of DPDK's in use: pools, rings, devices."),
	ONE(GAUGE, DAEMON, daemon, heap, "weft_engine_heap_bytes", "Memory of the C library's in use."),
	ONE(GAUGE, DAEMON, daemon, fibs, "weft_engine_fib_bytes",
	    "Memory of all FIBs, each shared part once."),

	ONE(COUNTER, WORKER, worker, busy_s, "weft_worker_busy_seconds_total",
	    "Time of the worker's rounds that had packets, or for which some waited in a device's queue."),
	ONE(COUNTER, WORKER, worker, packets, "weft_worker_packets_total",
	    "Packets that came to the worker."),
	ONE(GAUGE, WORKER, worker, limiting, "weft_worker_limiting",
	    "1 while the worker is overloaded and holds vnets to their shares."),
	EACH(GAUGE, WORKER, worker, rings, "ring", rings, FULL, "weft_worker_ring_packets",
	     "Frames that wait between the worker and the relay thread."),

	ONE(GAUGE, VNET, vnet, running, "weft_vnet_running", "1 while the vnet's state is running."),
	ONE(GAUGE, VNET, vnet, degraded, "weft_vnet_degraded", "1 while the vnet's state is degraded."),
	ONE(GAUGE, VNET, vnet, age_s, "weft_vnet_age_seconds",
	    "Time since the vnet was deployed, or weftd took it over."),
	EACH(GAUGE, VNET, vnet, nodes, "state", node_state_names, FULL, "weft_vnet_nodes",
	     "Nodes of the vnet, by state."),
	ONE(GAUGE, VNET, vnet, links, "weft_vnet_links", "Links of the vnet."),
	ONE(GAUGE, VNET, vnet, links_up, "weft_vnet_links_up", "Of them, those with carrier."),
	ONE(GAUGE, VNET, vnet, weight, "weft_vnet_weight", "Weight of the vnet's share of the engine."),
	ONE(GAUGE, VNET, vnet, guarantee, "weft_vnet_guarantee_cores",
	    "Cores of the engine that are guaranteed to the vnet."),
	ONE(COUNTER, VNET, vnet, cpu_s, "weft_vnet_cpu_seconds_total",
	    "Time that the engine's workers have spent on the vnet's packets."),
	ONE(COUNTER, VNET, vnet, forwarded, "weft_vnet_forwarded_packets_total",
	    "Transit packets that the engine has forwarded."),
	ONE(COUNTER, VNET, vnet, punted, "weft_vnet_punted_packets_total",
	    "Packets given to guests, hosts and devices."),
	ONE(COUNTER, VNET, vnet, injected, "weft_vnet_injected_packets_total",
	    "Packets taken from guests, hosts and devices."),
	EACH(COUNTER, VNET, vnet, drops, "reason", stats_drops, FULL, "weft_vnet_dropped_packets_total",
	     "Packets that ended in the engine, by reason (docs/engine.md)."),
	EACH(COUNTER, VNET, vnet, punts, "class", stats_punts, FULL, "weft_vnet_punts_total",
	     "Frames that the policers let pass to the vnet's guests, by class."),
	EACH(COUNTER, VNET, vnet, policed, "class", stats_punts, FULL, "weft_vnet_policed_punts_total",
	     "Frames that the policers kept from the vnet's guests, by class."),
	ONE(COUNTER, VNET, vnet, held, "weft_vnet_injections_held_total",
	    "Times that guests' frames had to wait, the vnet injecting over its rate."),

	EACH(GAUGE, NODE, node, states, "state", node_state_names, SPARSE, "weft_node_state",
	     "1 for the state that the node is in."),

	ONE(GAUGE, ROUTER, router, up, "weft_guest_up", "1 while the router's machine runs."),
	ONE(COUNTER, ROUTER, router, restarts, "weft_guest_restarts_total",
	    "Times that the router's guest has ended unasked for, also before this weftd."),
	ONE(GAUGE, ROUTER, router, boot_s, "weft_guest_boot_seconds",
	    "Time from power-on to ready of the guest that runs."),
	ONE(COUNTER, ROUTER, router, guest.cpu_s, "weft_guest_cpu_seconds_total",
	    "CPU time of the machine's process."),
	ONE(GAUGE, ROUTER, router, guest.memory, "weft_guest_resident_memory_bytes",
	    "Memory of the machine's process, with what clones share."),

	ONE(GAUGE, ROUTER, router, synced, "weft_intake_synced",
	    "1 while the FIB is in step with the guest."),
	ONE(COUNTER, ROUTER, router, messages, "weft_intake_messages_total",
	    "Netlink messages that the guest has sent, by its agent or by FPM."),
	ONE(COUNTER, ROUTER, router, malformed, "weft_intake_malformed_messages_total",
	    "Of them, those that cannot be right and were skipped."),
	ONE(COUNTER, ROUTER, router, refused, "weft_intake_refused_total",
	    "Objects of the guest that were over a limit and not kept."),
	ONE(GAUGE, ROUTER, router, links, "weft_intake_links", "Links of the guest's kernel."),
	ONE(GAUGE, ROUTER, router, addresses, "weft_intake_addresses", "Addresses of the guest's kernel."),
	ONE(GAUGE, ROUTER, router, neighbours, "weft_intake_neighbours",
	    "Neighbours of the guest's kernel."),
	ONE(GAUGE, ROUTER, router, nexthops, "weft_intake_nexthops",
	    "Next-hop objects of the guest's kernel."),
	ONE(GAUGE, ROUTER, router, tables, "weft_intake_tables", "Routing tables of the guest's kernel."),
	EACH(GAUGE, ROUTER, router, routes, "family", families, FULL, "weft_intake_routes",
	     "Routes of the guest's kernel, all tables."),
	ONE(GAUGE, ROUTER, router, punted, "weft_intake_punted_routes",
	    "Of them, those that the guest forwards because the engine cannot."),

	ONE(GAUGE, ROUTER, router, routes_max, "weft_fib_routes_limit",
	    "Routes that the router may have in its FIBs."),
	ONE(GAUGE, ROUTER, router, incomplete, "weft_fib_incomplete",
	    "1 while the engine does not take all routes of the router, and its guest forwards."),
	EACH(GAUGE, FIB, fib, routes, "family", families, FULL, "weft_fib_routes", "Routes of the FIB."),
	ONE(GAUGE, FIB, fib, bytes, "weft_fib_bytes", "Memory of the FIB if it shared nothing."),
	ONE(GAUGE, FIB, fib, lookup, "weft_fib_lookup_bytes", "Of it, what packets look at."),
	ONE(GAUGE, FIB, fib, shared, "weft_fib_shared_bytes", "Of that, what other FIBs have too."),

	ONE(GAUGE, PORT, port, carrier, "weft_port_carrier",
	    "1 while the port's link is up and has both its ends."),
	ONE(GAUGE, PORT, port, backed, "weft_port_backed",
	    "1 while a guest, host or device is behind the port."),
	ONE(COUNTER, PORT, port, rx_packets, "weft_port_receive_packets_total",
	    "Packets that came to the port by its link."),
	ONE(COUNTER, PORT, port, rx_bytes, "weft_port_receive_bytes_total",
	    "Bytes of the packets that came to the port by its link."),
	ONE(COUNTER, PORT, port, tx_packets, "weft_port_transmit_packets_total",
	    "Packets that left the port by its link."),
	ONE(COUNTER, PORT, port, tx_bytes, "weft_port_transmit_bytes_total",
	    "Bytes of the packets that left the port by its link."),
	ONE(COUNTER, PORT, port, forwarded, "weft_port_forwarded_packets_total",
	    "Transit packets that came to the port and were sent on."),
	ONE(COUNTER, PORT, port, punted, "weft_port_punted_packets_total",
	    "Packets given to the guest, host or device behind the port."),
	ONE(COUNTER, PORT, port, injected, "weft_port_injected_packets_total",
	    "Packets taken from the guest, host or device behind the port."),
	EACH(COUNTER, PORT, port, drops, "reason", stats_drops, SPARSE, "weft_port_dropped_packets_total",
	     "Packets that came to the port and ended in the engine, by reason, once there are any."),

	ONE(GAUGE, QUEUE, queue, packets, "weft_queue_packets",
	    "Packets of the port's vnet that wait in the queue of a shared device."),
	ONE(COUNTER, QUEUE, queue, marked, "weft_queue_marked_packets_total",
	    "Packets that the queue has marked with CE in place of a drop."),
	EACH(GAUGE, QUEUE, queue, delay_s, "share", delays, FULL, "weft_queue_delay_seconds",
	     "Time in the queue that this share of the packets stayed below."),
	{ .name = NULL },
};
