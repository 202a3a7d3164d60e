/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XDP program of a kernel interface that vnets have slices of. Frames of a VLAN that is taken (0:
 * without a tag) go to the engine, by AF_XDP; all others to the kernel, as if it were not there. While
 * no engine is there to take them, they are dropped: the kernel is never to see a vnet's frames.
 *
 * DPDK's net_af_xdp loads and attaches it, and fills xsks_map; weftd fills taken. It uses no helper
 * that is for programs under the GPL alone.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define QUEUES	 64
#define VLANS	 4096
#define VLAN_VID 0xfff

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

/* By VLAN: 1 or 0. An element of its own for each: an engine that is not root may not compute with
 * pointers into one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VLANS);
	__type(key, __u32);
	__type(value, __u8);
} taken SEC(".maps");

struct tag { /* IEEE 802.1Q */
	__be16 tci;
	__be16 type;
};

SEC("xdp")
int weft_slices(struct xdp_md *ctx)
{
	const void *end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = (const void *)(long)ctx->data;
	const struct tag *tag = (const void *)(eth + 1);
	const __u8 *t;
	__u32 vlan = 0;

	if ((const void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_8021Q) && (const void *)(tag + 1) <= end)
		vlan = bpf_ntohs(tag->tci) & VLAN_VID;
	t = bpf_map_lookup_elem(&taken, &vlan);
	if (!t || !*t)
		return XDP_PASS;
	return (int)bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_DROP);
}

char LICENSE[] SEC("license") = "Apache-2.0";
