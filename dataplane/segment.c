/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of what stands for several, for those who do not take it as it is. */
#include "dataplane/capture_priv.h"
#include "dataplane/offload_priv.h"

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

/* Headers are not aligned: they may be behind tags. */
static uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void store16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* Finishes a checksum that was begun over the pseudo-header: RFC 1071; 0 would mean none (RFC 768). */
static void segment_checksum(uint8_t *data, uint32_t len, uint16_t start, uint16_t offset)
{
	uint16_t sum;

	if ((uint32_t)start + offset + sizeof(sum) > len) /* a router has cut what was not the packet's */
		return;
	sum = (uint16_t)~rte_raw_cksum(data + start, len - start);
	store16(data + start + offset, sum ? sum : 0xffff);
}

/* The IP header of the index-th frame, which has `less` bytes fewer than the whole. */
static void segment_network(uint8_t *data, uint32_t transport, uint32_t less, uint32_t index)
{
	uint32_t at = sizeof(struct rte_ether_hdr), header;
	uint16_t type = load16(data + at - 2), id;

	while (type == RTE_BE16(RTE_ETHER_TYPE_VLAN) || type == RTE_BE16(RTE_ETHER_TYPE_QINQ)) {
		at += sizeof(struct rte_vlan_hdr);
		type = load16(data + at - 2);
	}
	data += at;
	header = transport - at;
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		uint8_t *len = data + offsetof(struct rte_ipv6_hdr, payload_len);

		store16(len, rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(load16(len)) - less)));
		return;
	}
	id = rte_be_to_cpu_16(load16(data + offsetof(struct rte_ipv4_hdr, packet_id)));
	store16(data + offsetof(struct rte_ipv4_hdr, packet_id), rte_cpu_to_be_16((uint16_t)(id + index)));
	data += offsetof(struct rte_ipv4_hdr, total_length);
	store16(data, rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(load16(data)) - less)));
	data -= offsetof(struct rte_ipv4_hdr, total_length);
	store16(data + offsetof(struct rte_ipv4_hdr, hdr_checksum), 0);
	store16(data + offsetof(struct rte_ipv4_hdr, hdr_checksum),
		(uint16_t)~rte_raw_cksum(data, header));
}

/* RFC 9293: what of a TCP header is only the first's or only the last's. */
static void segment_tcp(uint8_t *tcp, uint32_t sent, bool first, bool last)
{
	uint8_t *flags = tcp + offsetof(struct rte_tcp_hdr, tcp_flags);
	uint8_t *seq = tcp + offsetof(struct rte_tcp_hdr, sent_seq);
	uint32_t number;

	memcpy(&number, seq, sizeof(number));
	number = rte_cpu_to_be_32(rte_be_to_cpu_32(number) + sent);
	memcpy(seq, &number, sizeof(number));
	if (!first)
		*flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
	if (!last)
		*flags &= (uint8_t)~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
}

/* The index-th frame. The sum that was begun has the whole's length in it: taken out (RFC 1624). */
static struct rte_mbuf *segment_copy(struct engine *e, struct rte_mbuf *m, uint32_t index)
{
	const struct pkt *p = pkt(m);
	const uint8_t *from = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t sent = index * p->gso_size, whole = m->data_len - p->headers;
	uint32_t payload = RTE_MIN(whole - sent, (uint32_t)p->gso_size), less = whole - payload;
	uint32_t len = p->headers + payload, sum;
	struct rte_mbuf *s = rte_pktmbuf_alloc(len <= FRAME_SMALL ? e->small : e->jumbo);
	uint8_t *to, *transport;

	if (!s)
		return NULL;
	to = (uint8_t *)rte_pktmbuf_append(s, (uint16_t)len);
	memcpy(to, from, p->headers);
	memcpy(to + p->headers, from + p->headers + sent, payload);
	*pkt(s) = *p;
	transport = to + p->csum_start;
	segment_network(to, p->csum_start, less, index);
	if (p->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4)
		store16(transport + offsetof(struct rte_udp_hdr, dgram_len),
			rte_cpu_to_be_16((uint16_t)(sizeof(struct rte_udp_hdr) + payload)));
	else
		segment_tcp(transport, sent, !index, index + 1 == p->segs);
	sum = load16(transport + p->csum_offset) + (uint32_t)(uint16_t)~rte_cpu_to_be_16((uint16_t)less);
	store16(transport + p->csum_offset, (uint16_t)((sum & 0xffff) + (sum >> 16)));
	segment_checksum(to, len, p->csum_start, p->csum_offset);
	return s;
}

void segment(struct worker *w, struct rte_mbuf *m, graph_fn *then)
{
	struct pkt *p = pkt(m);
	struct rte_mbuf *out[BURST];
	unsigned n = 0;

	if (p->segs == 1) {
		segment_checksum(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, p->csum_start,
				 p->csum_offset);
		m->ol_flags = 0;
		then(w, &m, 1);
		return;
	}
	worker_work(w, p->port->vnet, p->segs);
	for (uint32_t i = 0; i < p->segs; i++) {
		out[n] = segment_copy(w->engine, m, i);
		if (out[n]) {
			n++;
		} else {
			counters_of(w, p->port)->drops[DP_DROP_NO_MEMORY]++;
			capture_drop(p->port, w->index, m, DP_DROP_NO_MEMORY);
		}
		if (n == BURST || (n && i + 1u == p->segs)) {
			then(w, out, n);
			n = 0;
		}
	}
	rte_pktmbuf_free(m);
}
