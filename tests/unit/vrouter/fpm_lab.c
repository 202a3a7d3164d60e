/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vrouter/fpm_lab.h"

#include "base/buf.h"
#include "vrouter/fpm_tell_priv.h"

#include <arpa/inet.h>
#include <linux/nexthop.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fpm_lab fpm_lab;

/* The frame that is being made, and its attributes. */
static struct buf frame, attrs;

static const struct intake_port ports[] = {
	{ .mac = { 2, 0, 0, 0, 0, 1 }, .hw = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500, .name = "eth1" },
	{ .mac = { 2, 0, 0, 0, 0, 2 }, .hw = { 2, 0, 0, 0, 0, 2 }, .mtu = 1500, .name = "eth2" },
};

static void up(void *arg)
{
	fpm_lab.ups++;
}

struct snooped_addr lab_addr(const char *ip)
{
	struct snooped_addr a = { .family = strchr(ip, ':') ? 6 : 4 };

	inet_pton(a.family == 4 ? AF_INET : AF_INET6, ip, a.bytes);
	return a;
}

void lab_neighbour(unsigned ifindex, const char *ip, uint8_t mac)
{
	struct snooped_addr a = lab_addr(ip);

	fpm_tell_neighbour(fpm_lab.in, ifindex, &a, mac ? (const uint8_t[6]){ 2, 0, 0, 0, 0, mac } : NULL);
}

void lab_own(unsigned ifindex, const char *ip, bool has)
{
	struct snooped_addr a = lab_addr(ip);

	fpm_tell_own(fpm_lab.in, ifindex, &a, has);
}

static void tell(void *arg)
{
	fpm_tell_link(fpm_lab.in, ETH1, &ports[0]);
	fpm_tell_link(fpm_lab.in, ETH2, &ports[1]);
	if (!fpm_lab.neighbours)
		return;
	lab_neighbour(ETH1, "10.0.1.2", 12);
	lab_neighbour(ETH2, "10.0.2.2", 22);
	lab_neighbour(ETH2, "fd02::2", 22);
}

static void synced(void *arg)
{
	fpm_lab.syncs++;
}

static void down(void *arg, const char *why)
{
	fpm_lab.downs++;
	snprintf(fpm_lab.why, sizeof(fpm_lab.why), "%s", why);
}

void lab_turn(const unsigned *count, unsigned until)
{
	while (*count < until)
		event_base_loop(fpm_lab.base, EVLOOP_ONCE);
}

void lab_connect(bool at_once)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	fpm_lab.f->at_once = at_once;
	assert_int_equal(fpm_attach(fpm_lab.f, pair[0]), 0);
	fpm_lab.zebra = pair[1];
}

int lab_setup(void **state)
{
	static const struct fpm_ops ops = { up, tell, synced, down };
	struct intake_conf conf = { .port_count = 2, .ports = ports, .max_routes = 100, .fpm = true,
				    .sink = &held_sink, .arg = &fpm_lab.held };

	memset(&fpm_lab, 0, sizeof(fpm_lab));
	fpm_lab.neighbours = true;
	fpm_lab.base = event_base_new();
	assert_int_equal(intake_create(&conf, &fpm_lab.in), 0);
	assert_int_equal(fpm_create(fpm_lab.base, fpm_lab.in, &ops, NULL, &fpm_lab.f), 0);
	lab_connect(true);
	assert_int_equal(fpm_lab.syncs, 1);
	return 0;
}

int lab_teardown(void **state)
{
	fpm_destroy(fpm_lab.f);
	intake_destroy(fpm_lab.in);
	event_base_free(fpm_lab.base);
	held_fini(&fpm_lab.held);
	close(fpm_lab.zebra);
	buf_free(&frame);
	buf_free(&attrs);
	return 0;
}

void lab_attr(uint16_t type, const void *p, size_t len)
{
	buf_u16(&attrs, (uint16_t)(len + 4));
	buf_u16(&attrs, type);
	buf_put(&attrs, p, len);
	buf_reserve(&attrs, (4 - len % 4) % 4);
}

void lab_attr32(uint16_t type, uint32_t v)
{
	lab_attr(type, &v, 4);
}

void lab_message(uint16_t type, const void *head, size_t len)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE,
			      .nlmsg_len = (uint32_t)(16 + len + attrs.len) };

	buf_put(&frame, &h, sizeof(h));
	buf_put(&frame, head, len);
	buf_put(&frame, attrs.data, attrs.len);
	buf_reset(&attrs);
}

/* As zebra: a deletion says nothing of next hops. */
void lab_route(uint16_t type, uint32_t table, const char *prefix, uint8_t proto, const char *gw,
		  uint32_t ifindex, uint32_t object)
{
	char ip[INET6_ADDRSTRLEN];
	unsigned len;
	struct snooped_addr a, g;
	struct rtmsg m = { .rtm_table = (uint8_t)table, .rtm_protocol = proto, .rtm_type = RTN_UNICAST };

	assert_int_equal(sscanf(prefix, "%45[^/]/%u", ip, &len), 2);
	a = lab_addr(ip);
	m.rtm_family = a.family == 4 ? AF_INET : AF_INET6;
	m.rtm_dst_len = (uint8_t)len;
	lab_attr(RTA_DST, a.bytes, a.family == 4 ? 4 : 16);
	lab_attr32(RTA_PRIORITY, 20);
	if (gw) {
		g = lab_addr(gw);
		lab_attr(RTA_GATEWAY, g.bytes, g.family == 4 ? 4 : 16);
	}
	if (ifindex)
		lab_attr32(RTA_OIF, ifindex);
	if (object)
		lab_attr32(RTA_NH_ID, object);
	lab_message(type, &m, sizeof(m));
}

void lab_object(uint32_t id, const char *gw, uint32_t ifindex)
{
	struct nhmsg m = { .nh_family = AF_INET };
	struct snooped_addr g;

	lab_attr32(NHA_ID, id);
	if (gw) {
		g = lab_addr(gw);
		lab_attr(NHA_GATEWAY, g.bytes, 4);
	}
	lab_attr32(NHA_OIF, ifindex);
	lab_message(RTM_NEWNEXTHOP, &m, sizeof(m));
}

void lab_write(const void *bytes, size_t len)
{
	assert_int_equal(write(fpm_lab.zebra, bytes, len), len);
}

/* Sends the frame; in one piece or byte by byte. */
void lab_send(bool in_bytes)
{
	uint8_t head[4] = { 1, 1, (uint8_t)((frame.len + 4) >> 8), (uint8_t)(frame.len + 4) };
	struct intake_stats before, now;

	intake_stats(fpm_lab.in, &before);
	for (size_t i = 0; i < 4 + frame.len; i += in_bytes ? 1 : 4 + frame.len) {
		if (!in_bytes) {
			lab_write(head, 4);
			lab_write(frame.data, frame.len);
			continue;
		}
		lab_write(i < 4 ? &head[i] : &frame.data[i - 4], 1);
		event_base_loop(fpm_lab.base, EVLOOP_NONBLOCK);
	}
	do {
		event_base_loop(fpm_lab.base, EVLOOP_ONCE);
		intake_stats(fpm_lab.in, &now);
	} while (now.messages == before.messages);
	buf_reset(&frame);
	event_del(fpm_lab.f->commit);
	intake_commit(fpm_lab.in);
}

void lab_connected(void)
{
	lab_route(RTM_NEWROUTE, 254, "10.0.1.0/24", KERNEL, NULL, ETH1, 0);
	lab_route(RTM_NEWROUTE, 254, "10.0.2.0/24", KERNEL, NULL, ETH2, 0);
}

/* What a packet for ip that comes by eth1 gets: "eth2 22" a port and a MAC's end, "punt", "none". */
static const char *fate(const char *ip)
{
	static char text[64];
	struct snooped_addr a = lab_addr(ip);
	const struct intake_nh *nh = held_lookup(&fpm_lab.held, fpm_lab.held.ports[0].table, a.family, a.bytes);

	if (!nh)
		return "none";
	if (nh->kind != INTAKE_NH_ADJ)
		return nh->kind == INTAKE_NH_LOCAL ? "local" : "punt";
	snprintf(text, sizeof(text), "%s %u", ports[nh->port].name, nh->mac[5]);
	return text;
}

void lab_gets(const char *ip, const char *what)
{
	assert_string_equal(fate(ip), what);
}
