/* SPDX-License-Identifier: Apache-2.0 */
/* What hosts leave to their devices: which requests are taken, and the frames that become of them. */
#include "dataplane/offload_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <stdlib.h>

enum { MSS = 1448, TCP_HEADER = 32, SEQ = 0xfffffff0 };

/* A request, and where things are in its frame. */
struct super {
	bool ip6, udp;
	unsigned tags, extra; /* bytes of IPv6 headers in between */
	uint32_t payload;
	uint16_t gso_size;
	struct virtio_net_hdr h;
	uint32_t network, transport, headers, len;
	uint8_t frame[FRAME_SUPER];
};

static struct super super;
static uint8_t got[FRAME_MAX];

static void put16(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

/* The sum over the pseudo-header, which hosts begin with. */
static uint16_t begun(const struct super *s, const uint8_t *network, uint32_t len)
{
	uint8_t proto = s->udp ? 17 : 6;
	uint32_t sum = proto + len;

	for (unsigned i = s->ip6 ? 8 : 12; i < (s->ip6 ? 40u : 20u); i += 2)
		sum += (uint32_t)network[i] << 8 | network[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void make_transport(struct super *s)
{
	uint8_t *t = s->frame + s->transport;
	uint32_t len = s->len - s->transport;

	memset(t, 0, s->headers - s->transport);
	put16(t, 1000);
	put16(t + 2, 2000);
	if (s->udp) {
		put16(t + 4, len);
	} else {
		put16(t + 4, SEQ >> 16);
		put16(t + 6, SEQ & 0xffff);
		t[12] = TCP_HEADER / 4 << 4;
		t[13] = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_CWR_FLAG;
	}
	put16(t + (s->udp ? 6 : 16), begun(s, s->frame + s->network, len));
}

/* To the router, or to its network 10.1/16, fd01::/32. */
static void make(struct super *s)
{
	static const uint8_t macs[12] = { LAB_ROUTER_MAC, 2, 0, 0, 0, 0, 1 };
	uint8_t *at = s->frame + 12;
	uint8_t proto = s->udp ? 17 : 6;

	memcpy(s->frame, macs, 12);
	for (unsigned i = 0; i < s->tags; i++, at += 4)
		memcpy(at, (uint8_t[]){ 0x81, 0, 0, (uint8_t)(5 + i) }, 4);
	put16(at, s->ip6 ? 0x86dd : 0x0800);
	s->network = (uint32_t)(at + 2 - s->frame);
	s->transport = s->network + (s->ip6 ? 40 : 20) + s->extra;
	s->headers = s->transport + (s->udp ? 8 : TCP_HEADER);
	s->len = s->headers + s->payload;
	at = s->frame + s->network;
	memset(at, 0, s->transport - s->network);
	if (s->ip6) {
		at[0] = 0x60;
		put16(at + 4, s->len - s->network - 40);
		at[6] = s->extra ? 60 : proto; /* destination options */
		at[7] = 64;
		memcpy(at + 8, (uint8_t[]){ 0xfd, [15] = 1 }, 16);
		memcpy(at + 24, (uint8_t[]){ 0xfd, 1, [15] = 1 }, 16);
		if (s->extra)
			memcpy(at + 40, (uint8_t[]){ proto, 0, 1, 4 }, 4); /* PadN */
	} else {
		memcpy(at, (uint8_t[]){ 0x45, 0, 0, 0, 0xff, 0xfe, 0x40, 0, 64, proto }, 10);
		put16(at + 2, s->len - s->network);
		memcpy(at + 12, (uint8_t[]){ 10, 0, 0, 1, 10, 1, 0, 1 }, 8);
		put16(at + 10, rte_be_to_cpu_16((uint16_t)~rte_raw_cksum(at, 20)));
	}
	for (uint32_t i = 0; i < s->payload; i++)
		s->frame[s->headers + i] = (uint8_t)(i * 7 + (i >> 8));
	make_transport(s);
	s->h = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_size = s->gso_size,
		.gso_type = s->udp ? VIRTIO_NET_HDR_GSO_UDP_L4 :
			    s->ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.csum_start = (uint16_t)s->transport, .csum_offset = s->udp ? 6 : 16 };
}

static struct rte_mbuf *mbuf(struct engine *e, const struct super *s)
{
	struct rte_mbuf *m = offload_alloc(e);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)s->len), s->frame, s->len);
	return m;
}

/* Sent by what is behind the port, taken as by the relay. */
static int give(struct engine *e, uint32_t port, const struct super *s)
{
	struct rte_mbuf *m = mbuf(e, s);
	int rc = offload_take(m, &s->h);

	if (rc) {
		rte_pktmbuf_free(m);
		return rc;
	}
	fast_receive(&e->workers[0]->fast.rx, m, lab_port(e, port));
	worker_burst(e->workers[0], true);
	worker_flush_relay(e->workers[0]);
	return 0;
}

/* The transport's checksum as a receiver does it, over the whole of the pseudo-header. */
static void check_sum(const struct super *s, const uint8_t *frame, uint32_t len)
{
	uint32_t l4 = len - s->transport, sum = begun(s, frame + s->network, l4);

	for (uint32_t i = 0; i < l4; i += 2)
		sum += (uint32_t)frame[s->transport + i] << 8 |
		       (i + 1 < l4 ? frame[s->transport + i + 1] : 0u);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* The i-th frame of segs, len bytes in got. */
static void check_frame(const struct super *s, uint32_t i, uint32_t segs, uint32_t len, uint8_t ttl)
{
	uint32_t sent = i * s->gso_size;
	const uint8_t *n = got + s->network, *t = got + s->transport;

	assert_int_equal(len, s->headers + RTE_MIN((uint32_t)s->gso_size, s->payload - sent));
	assert_memory_equal(got + s->headers, s->frame + s->headers + sent, len - s->headers);
	if (s->ip6) {
		assert_int_equal(get16(n + 4), len - s->network - 40);
		assert_int_equal(n[7], ttl);
	} else {
		assert_int_equal(get16(n + 2), len - s->network);
		assert_int_equal(get16(n + 4), (0xfffe + i) & 0xffff);
		assert_int_equal(rte_raw_cksum(n, 20), 0xffff);
		assert_int_equal(n[8], ttl);
	}
	if (s->udp) {
		assert_int_equal(get16(t + 4), len - s->transport);
	} else {
		assert_int_equal((uint32_t)(get16(t + 4) << 16 | get16(t + 6)), (uint32_t)(SEQ + sent));
		assert_int_equal(t[13], RTE_TCP_ACK_FLAG | (i ? 0 : RTE_TCP_CWR_FLAG) |
						(i + 1 == segs ? RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG : 0));
	}
	check_sum(s, got, len);
}

static void expect_frames(struct engine *e, const struct super *s, uint32_t port, uint8_t ttl)
{
	uint32_t segs = (s->payload + s->gso_size - 1) / s->gso_size, at;

	for (uint32_t i = 0; i < segs; i++) {
		size_t len = lab_take(e, got, sizeof(got), &at);

		assert_int_equal(at, port);
		check_frame(s, i, segs, (uint32_t)len, ttl);
	}
	assert_int_equal(lab_take(e, got, sizeof(got), &at), 0);
}

/* Random sizes of all kinds, through the router to a host whose tap takes frames only. */
static void frames(void **state)
{
	struct engine *e = *state;
	uint64_t sent = 0, bytes = 0;

	srandom(3);
	for (unsigned i = 0; i < 400; i++) {
		super = (struct super){ .ip6 = i & 1, .udp = i & 2, .extra = (i & 5) == 5 ? 8 : 0 };
		super.gso_size = (uint16_t)(1 + random() % (i % 8 ? MSS - 20 : 60));
		super.payload = 1 + (uint32_t)random() % RTE_MIN(65000, super.gso_size * 400);
		make(&super);
		assert_int_equal(give(e, 101, &super), 0);
		expect_frames(e, &super, 102, 63);
		sent += (super.payload + super.gso_size - 1) / super.gso_size;
		bytes += super.payload + (super.payload + super.gso_size - 1) / super.gso_size *
						 super.headers;
	}
	assert_int_equal(lab_port(e, 103)->local[0].count.forwarded, sent);
	assert_int_equal(lab_port(e, 102)->local[0].count.wire_rx_packets, sent);
	assert_int_equal(lab_port(e, 102)->local[0].count.wire_rx_bytes, bytes);
	assert_int_equal(rte_mempool_in_use_count(e->super), 0);
}

/* One that takes it gets it as it was, a router further. */
static void whole(void **state)
{
	struct engine *e = *state;
	struct virtio_net_hdr h;
	struct rte_mbuf *m;

	WR(lab_port(e, 102)->offloads, true);
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		super = (struct super){ .ip6 = ip6, .payload = 45 * 1428, .gso_size = 1428 };
		make(&super);
		super.h.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		super.h.hdr_len = 7; /* a hint, not believed */
		assert_int_equal(give(e, 101, &super), 0);
		assert_int_equal(rte_ring_dequeue(e->workers[0]->to_relay[LANE_REST].ring,
						  (void **)&m), 0);
		h = offload_header(m);
		super.h.hdr_len = (uint16_t)super.headers;
		assert_memory_equal(&h, &super.h, sizeof(h));
		assert_int_equal(m->data_len, super.len);
		assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[ip6 ? 21 : 22], 63);
		assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *) + 26, super.frame + 26,
				    super.len - 26);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(lab_port(e, 103)->local[0].count.forwarded, 90);
}

/* Frames longer than the MTU, or at their last hop, are the guest's, one by one. */
static void punted(void **state)
{
	struct engine *e = *state;

	super = (struct super){ .payload = 5 * 1500, .gso_size = 1500 }; /* of a jumbo network */
	WR(lab_port(e, 101)->mtu, 9000);
	WR(lab_port(e, 103)->mtu, 9000);
	make(&super);
	assert_int_equal(give(e, 101, &super), 0);
	expect_frames(e, &super, 103, 64);
	super.gso_size = MSS;
	super.payload = 5 * MSS;
	make(&super);
	super.frame[22] = 1;
	put16(super.frame + 24, 0);
	put16(super.frame + 24, rte_be_to_cpu_16((uint16_t)~rte_raw_cksum(super.frame + 14, 20)));
	assert_int_equal(give(e, 101, &super), 0);
	expect_frames(e, &super, 103, 1);
	assert_int_equal(lab_port(e, 103)->vnet->local[0].punts[DP_PUNT_EXCEPTION], 10);
	/* And over the MTU of the port that the host is at, nobody's. */
	WR(lab_port(e, 101)->mtu, 1400);
	assert_int_equal(give(e, 101, &super), 0);
	assert_int_equal(lab_drops(e, 101, DP_DROP_GIANT), 5);
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), 0);
}

/* Bridges carry it as well, tags and all; a flood's copies are whole. */
static void bridged(void **state)
{
	struct engine *e = *state;
	uint32_t at, seen = 0;

	super = (struct super){ .tags = 2, .payload = 10 * MSS, .gso_size = MSS };
	make(&super);
	memset(super.frame, 0xff, 6);
	WR(lab_port(e, 108)->mtu, 1504);
	WR(lab_port(e, 105)->mtu, 1504);
	WR(lab_port(e, 106)->mtu, 1504);
	WR(lab_port(e, 107)->mtu, 1504);
	assert_int_equal(give(e, 108, &super), 0);
	for (unsigned i = 0; i < 20; i++) {
		size_t len = lab_take(e, got, sizeof(got), &at);

		assert_true(at == 109 || at == 110);
		seen += at == 109;
		check_frame(&super, i % 10, 10, (uint32_t)len, 64);
	}
	assert_int_equal(seen, 10);
	assert_int_equal(lab_take(e, got, sizeof(got), &at), 0);
}

/* A checksum alone is finished in place; 0 means none in UDP, and is not what is sent. */
static void checksums(void **state)
{
	struct engine *e = *state;
	size_t len;

	for (unsigned i = 0; i < 4; i++) {
		super = (struct super){ .ip6 = i & 1, .udp = i & 2, .payload = 1 + i * 100 };
		make(&super);
		super.h.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		assert_int_equal(give(e, 101, &super), 0);
		len = lab_take(e, got, sizeof(got), NULL);
		assert_int_equal(len, super.len);
		check_sum(&super, got, (uint32_t)len);
	}
	super = (struct super){ .udp = true, .payload = 2 };
	make(&super);
	super.h.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	memset(super.frame + super.headers, 0, 2);
	put16(super.frame + super.headers,
	      rte_be_to_cpu_16((uint16_t)~rte_raw_cksum(super.frame + super.transport,
							super.len - super.transport)));
	assert_int_equal(give(e, 101, &super), 0);
	assert_int_equal(lab_take(e, got, sizeof(got), NULL), super.len);
	assert_int_equal(get16(got + super.transport + 6), 0xffff);
}

/* Nothing that a host says of its frame is believed. */
static void lies(void **state)
{
	struct engine *e = *state;
	struct super good = { .payload = 3000, .gso_size = MSS };
	static const struct {
		size_t at; /* of the header, or of the frame from 100 on */
		uint8_t value;
	} wrong[] = {
		{ 0, 0 },   { 0, 2 },	 { 1, 2 },    { 1, 3 },	   { 1, 4 },	{ 1, 5 },
		{ 1, 6 },   { 4, 0 },	 { 6, 33 },   { 6, 32 },   { 6, 36 },	{ 7, 11 },
		{ 8, 6 },   { 8, 255 },	 { 9, 255 },  { 112, 9 },  { 114, 0x44 }, { 114, 0x46 },
		{ 117, 1 }, { 120, 0x20 }, { 121, 1 }, { 123, 17 }, { 146, 0x40 },
	};

	make(&good);
	assert_int_equal(give(e, 101, &good), 0);
	expect_frames(e, &good, 102, 63);
	for (size_t i = 0; i < RTE_DIM(wrong); i++) {
		super = good;
		if (wrong[i].at == 4)
			super.h.gso_size = 0;
		else if (wrong[i].at < 100)
			((uint8_t *)&super.h)[wrong[i].at] = wrong[i].value;
		else
			super.frame[wrong[i].at - 100] = wrong[i].value;
		assert_int_equal(give(e, 101, &super), -EINVAL);
	}
	for (super = good; super.len; super.len--)
		assert_int_equal(give(e, 101, &super), super.len == good.len ? 0 : -EINVAL);
	super = (struct super){ .payload = 60000, .gso_size = 29 }; /* 2069 frames */
	make(&super);
	assert_int_equal(give(e, 101, &super), -EINVAL);
	while (lab_take(e, got, sizeof(got), NULL))
		;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(whole, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(punted, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(bridged, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(checksums, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(lies, lab_setup, lab_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
