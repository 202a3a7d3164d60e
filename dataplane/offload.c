/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/offload_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

static_assert(sizeof(struct virtio_net_hdr) == 10, "what a tap has unless told");

struct rte_mbuf *offload_alloc(struct engine *e)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(e->super);

	if (m)
		m->data_off = 0;
	return m;
}

struct rte_mbuf *offload_copy(struct engine *e, struct rte_mbuf *m)
{
	struct rte_mbuf *copy = m->pkt_len <= FRAME_SMALL ? rte_pktmbuf_alloc(e->small) :
				m->pkt_len <= FRAME_MAX	  ? rte_pktmbuf_alloc(e->jumbo) :
							    offload_alloc(e);

	if (!copy)
		return NULL;
	memcpy(rte_pktmbuf_append(copy, m->data_len), rte_pktmbuf_mtod(m, void *), m->data_len);
	copy->ol_flags = m->ol_flags;
	*pkt(copy) = *pkt(m);
	return copy;
}

/* Where the network header is, and of what type; 0: the frame ends before. Up to two tags. */
static uint32_t offload_network(const uint8_t *data, uint32_t len, uint16_t *type)
{
	uint32_t at = sizeof(struct rte_ether_hdr);

	for (unsigned tags = 0; at <= len; tags++, at += sizeof(struct rte_vlan_hdr)) {
		memcpy(type, data + at - 2, sizeof(*type));
		if (tags == 2 || (*type != RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
				  *type != RTE_BE16(RTE_ETHER_TYPE_QINQ)))
			return at;
	}
	return 0;
}

/* Where the transport header may begin at the earliest: no checksum before it is a host's to ask
 * for. 0: the frame ends before. IPv6 may have more headers in between. */
static uint32_t offload_transport(const uint8_t *data, uint32_t len, uint32_t network,
				  uint16_t type)
{
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return len < network + sizeof(struct rte_ipv4_hdr) ?
			       0 :
			       network + (data[network] & 15u) * 4;
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return network + (uint32_t)sizeof(struct rte_ipv6_hdr);
	return network;
}

/* An IPv4 packet as long as the frame, of that protocol, whole. */
static bool offload_is_ip4(const uint8_t *at, uint32_t len, uint32_t header, uint8_t protocol)
{
	struct rte_ipv4_hdr ip;

	memcpy(&ip, at, sizeof(ip));
	return header >= sizeof(ip) && rte_be_to_cpu_16(ip.total_length) == len &&
	       ip.next_proto_id == protocol && !(ip.fragment_offset & RTE_BE16(0x3fff));
}

static bool offload_is_ip6(const uint8_t *at, uint32_t len, uint32_t headers, uint8_t protocol)
{
	struct rte_ipv6_hdr ip;

	memcpy(&ip, at, sizeof(ip));
	return rte_be_to_cpu_16(ip.payload_len) + sizeof(ip) == len &&
	       (headers > sizeof(ip) || ip.proto == protocol);
}

/* Bytes of headers of what is to be segmented: those up to `transport`, and that one. 0: it is not
 * what it is said to be. */
static uint32_t offload_headers(const uint8_t *data, uint32_t len, uint32_t network,
				uint32_t transport, uint16_t type, uint8_t gso)
{
	bool udp = gso == VIRTIO_NET_HDR_GSO_UDP_L4, ip4 = type == RTE_BE16(RTE_ETHER_TYPE_IPV4);
	uint32_t least = udp ? sizeof(struct rte_udp_hdr) : sizeof(struct rte_tcp_hdr), size;
	uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;

	if ((!ip4 && type != RTE_BE16(RTE_ETHER_TYPE_IPV6)) ||
	    (gso == VIRTIO_NET_HDR_GSO_TCPV4 && !ip4) || (gso == VIRTIO_NET_HDR_GSO_TCPV6 && ip4) ||
	    transport + least > len)
		return 0;
	if (ip4 ? !offload_is_ip4(data + network, len - network, transport - network, protocol) :
		  !offload_is_ip6(data + network, len - network, transport - network, protocol))
		return 0;
	size = udp ? least : (data[transport + offsetof(struct rte_tcp_hdr, data_off)] >> 4) * 4u;
	return size < least || transport + size >= len ? 0 : transport + size;
}

/* Fills in how the frame is to be segmented. */
static int offload_take_gso(struct rte_mbuf *m, const struct virtio_net_hdr *h, uint32_t network,
			    uint32_t earliest, uint16_t type)
{
	uint8_t gso = h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	bool udp = gso == VIRTIO_NET_HDR_GSO_UDP_L4;
	uint16_t field = udp ? offsetof(struct rte_udp_hdr, dgram_cksum) :
			       offsetof(struct rte_tcp_hdr, cksum);
	struct pkt *p = pkt(m);
	uint32_t headers, segs;

	if ((gso != VIRTIO_NET_HDR_GSO_TCPV4 && gso != VIRTIO_NET_HDR_GSO_TCPV6 && !udp) ||
	    !(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || h->csum_offset != field || !h->gso_size ||
	    (type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && h->csum_start != earliest))
		return -EINVAL;
	headers = offload_headers(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, network,
				  h->csum_start, type, gso);
	if (!headers)
		return -EINVAL;
	segs = (m->data_len - headers + h->gso_size - 1) / h->gso_size;
	if (segs > OFFLOAD_SEGS_MAX || (segs > 1 && headers + h->gso_size > FRAME_MAX))
		return -EINVAL;
	if (segs == 1)
		return 0;
	p->segs = (uint16_t)segs;
	p->gso_type = h->gso_type;
	p->gso_size = h->gso_size;
	p->headers = (uint16_t)headers;
	return 0;
}

int offload_take(struct rte_mbuf *m, const struct virtio_net_hdr *h)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = m->data_len, network, earliest;
	struct pkt *p = pkt(m);
	uint16_t type;

	m->ol_flags = 0;
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && h->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return 0;
	network = offload_network(data, len, &type);
	earliest = network ? offload_transport(data, len, network, type) : 0;
	if (!earliest || h->csum_start < earliest || h->csum_start % 2 ||
	    (uint32_t)h->csum_start + h->csum_offset + sizeof(uint16_t) > len)
		return -EINVAL;
	p->segs = 1;
	p->gso_type = VIRTIO_NET_HDR_GSO_NONE;
	p->gso_size = p->headers = 0;
	p->csum_start = h->csum_start;
	p->csum_offset = h->csum_offset;
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE &&
	    offload_take_gso(m, h, network, earliest, type) < 0)
		return -EINVAL;
	m->ol_flags = PKT_OFFLOAD;
	return 0;
}

struct virtio_net_hdr offload_header(struct rte_mbuf *m)
{
	const struct pkt *p = pkt(m);

	if (!m->ol_flags)
		return (struct virtio_net_hdr){ 0 };
	return (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = p->gso_type,
					.gso_size = p->gso_size,
					.hdr_len = p->headers,
					.csum_start = p->csum_start,
					.csum_offset = p->csum_offset };
}
