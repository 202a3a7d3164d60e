/* SPDX-License-Identifier: Apache-2.0 */
/* Handcrafted messages: a route over a neighbour, the neighbour going, the route going. */
#include "base/buf.h"
#include "tests/unit/test.h"
#include "vrouter/intake.h"

#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/if.h>
#include <stdio.h>
#include <string.h>

static char log_text[8192];

#define SAY(...) snprintf(log_text + strlen(log_text), sizeof(log_text) - strlen(log_text), __VA_ARGS__)

static void on_fib(void *a, uint32_t t) { SAY("fib+%u;", t); }
static void on_fib_del(void *a, uint32_t t) { SAY("fib-%u;", t); }
static void on_nh(void *a, const struct intake_nh *nh) { SAY("nh%u=%d;", nh->id, nh->kind); }
static void on_nh_del(void *a, uint32_t id) { SAY("nh-%u;", id); }
static void on_route(void *a, uint32_t t, const struct intake_prefix *p, uint32_t nh)
{
	SAY("%u:%u.%u/%u=%u;", t, p->addr[0], p->addr[1], p->len, nh);
}
static void on_route_del(void *a, uint32_t t, const struct intake_prefix *p)
{
	SAY("-%u:%u.%u/%u;", t, p->addr[0], p->addr[1], p->len);
}
static void on_port(void *a, unsigned port, uint32_t t, bool up, bool f4, bool f6)
{
	SAY("port%u=%u,%d%d%d;", port, t, up, f4, f6);
}
static void on_node(void *a, bool v4, bool v6) { SAY("punt%d%d;", v4, v6); }
static void on_mark(void *a) { }

static const struct intake_sink sink = {
	.fib_set = on_fib, .fib_del = on_fib_del, .nh_set = on_nh, .nh_del = on_nh_del,
	.route_set = on_route, .route_del = on_route_del, .port_set = on_port,
	.node_set = on_node, .sync_begin = on_mark, .sync_end = on_mark, .flush = on_mark,
};

static const uint8_t MAC[6] = { 2, 0, 0, 0, 0, 1 }, PEER[6] = { 2, 0, 0, 0, 0, 2 };

static void attr(struct buf *b, uint16_t type, const void *p, uint16_t len)
{
	buf_u16(b, len + 4);
	buf_u16(b, type);
	buf_put(b, p, len);
	buf_reserve(b, (4 - len % 4) % 4);
}

static void send_msg(struct intake *in, uint16_t type, const void *head, size_t len, struct buf *attrs)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_len = (uint32_t)(16 + len + attrs->len) };
	struct buf b = { 0 };

	buf_put(&b, &h, sizeof(h));
	buf_put(&b, head, len);
	buf_put(&b, attrs->data, attrs->len);
	intake_netlink(in, b.data, b.len);
	buf_free(&b);
	buf_free(attrs);
}

/* A NIC that was made with one address and has another. */
static void link_with(struct intake *in, const uint8_t made[6], const uint8_t mac[6])
{
	struct ifinfomsg m = { .ifi_index = 2, .ifi_type = ARPHRD_ETHER,
			       .ifi_flags = IFF_UP | IFF_RUNNING };
	struct buf a = { 0 };

	attr(&a, IFLA_ADDRESS, mac, 6);
	attr(&a, 54 /* IFLA_PERM_ADDRESS */, made, 6);
	send_msg(in, RTM_NEWLINK, &m, sizeof(m), &a);
}

static void link_up(struct intake *in)
{
	struct ifinfomsg m = { .ifi_index = 2, .ifi_type = ARPHRD_ETHER,
			       .ifi_flags = IFF_UP | IFF_RUNNING };
	struct buf a = { 0 };

	attr(&a, IFLA_ADDRESS, MAC, 6);
	send_msg(in, RTM_NEWLINK, &m, sizeof(m), &a);
}

static void neigh(struct intake *in, uint16_t type)
{
	struct ndmsg m = { .ndm_family = 2, .ndm_ifindex = 2, .ndm_state = NUD_STALE };
	struct buf a = { 0 };

	attr(&a, NDA_DST, (uint8_t[]){ 10, 0, 0, 9 }, 4);
	attr(&a, NDA_LLADDR, PEER, 6);
	send_msg(in, type, &m, sizeof(m), &a);
}

static void route(struct intake *in, uint16_t type, uint8_t net, uint8_t len, bool gateway)
{
	struct rtmsg m = { .rtm_family = 2, .rtm_dst_len = len, .rtm_table = 254,
			   .rtm_type = RTN_UNICAST };
	struct buf a = { 0 };

	attr(&a, RTA_DST, (uint8_t[]){ net, 0, 0, 0 }, 4);
	attr(&a, RTA_OIF, &(uint32_t){ 2 }, 4);
	if (gateway)
		attr(&a, RTA_GATEWAY, (uint8_t[]){ 10, 0, 0, 9 }, 4);
	send_msg(in, type, &m, sizeof(m), &a);
}

static void follows_the_neighbour(void **state)
{
	struct intake_port port = { .name = "eth1" };
	struct intake_conf conf = { .port_count = 1, .ports = &port, .nh_base = 100,
				    .max_routes = 100, .sink = &sink };
	struct intake *in;

	memcpy(port.mac, MAC, 6);
	assert_int_equal(intake_create(&conf, &in), 0);
	intake_dump_begin(in);
	link_up(in);
	neigh(in, RTM_NEWNEIGH);
	route(in, RTM_NEWROUTE, 10, 24, false);
	route(in, RTM_NEWROUTE, 20, 8, true);
	assert_string_equal(log_text, "");
	intake_dump_end(in);
	assert_non_null(strstr(log_text, "nh105=3;"));
	assert_non_null(strstr(log_text, "254:20.0/8=105;"));
	assert_non_null(strstr(log_text, "254:10.0/24=101;"));
	assert_non_null(strstr(log_text, "254:10.0/32=105;"));
	assert_non_null(strstr(log_text, "port0=254,111;"));
	log_text[0] = 0;
	neigh(in, RTM_DELNEIGH);
	intake_commit(in);
	assert_string_equal(log_text, "nh105=1;-254:10.0/32;");
	log_text[0] = 0;
	route(in, RTM_DELROUTE, 20, 8, true);
	intake_commit(in);
	assert_string_equal(log_text, "-254:20.0/8;nh-105;");
	log_text[0] = 0;
	intake_dump_begin(in);
	link_up(in);
	intake_dump_end(in);
	assert_string_equal(log_text, "-254:10.0/24;");
	intake_destroy(in);
}

/* A NIC that was a spare one becomes a port, and another one. */
static void ports_come_and_go(void **state)
{
	static const uint8_t made[6] = { 6, 0, 0, 0, 0, 7 }, other[6] = { 2, 0, 0, 0, 0, 9 };
	struct intake_port ports[2] = { { .name = "" } }, port = { .name = "eth3" };
	struct intake_conf conf = { .port_count = 2, .ports = ports, .nh_base = 100,
				    .max_routes = 100, .sink = &sink };
	struct intake *in;

	assert_int_equal(intake_create(&conf, &in), 0);
	log_text[0] = 0;
	intake_dump_begin(in);
	link_with(in, made, made);
	neigh(in, RTM_NEWNEIGH);
	route(in, RTM_NEWROUTE, 20, 8, true);
	intake_dump_end(in);
	assert_null(strstr(log_text, "port"));
	assert_non_null(strstr(log_text, "254:20.0/8=101;")); /* by what is no port */

	/* The engine knows the port before the guest has given the NIC its address. */
	memcpy(port.mac, MAC, 6);
	memcpy(port.hw, made, 6);
	log_text[0] = 0;
	intake_set_port(in, 1, &port);
	intake_commit(in);
	assert_string_equal(log_text, "port1=0,111;");
	log_text[0] = 0;
	link_with(in, made, MAC);
	intake_commit(in);
	assert_non_null(strstr(log_text, "=3;254:20.0/8="));
	assert_non_null(strstr(log_text, "port1=254,111;"));

	log_text[0] = 0;
	intake_set_port(in, 1, &port);
	intake_commit(in);
	assert_string_equal(log_text, ""); /* it is so already */

	/* Another one: what the former had is punted until the NIC has the new one's address. */
	memcpy(port.mac, other, 6);
	intake_set_port(in, 1, &port);
	intake_commit(in);
	assert_non_null(strstr(log_text, "=1;")); /* the next hop */
	assert_non_null(strstr(log_text, "port1=0,111;"));

	log_text[0] = 0;
	intake_set_port(in, 1, &ports[0]);
	link_with(in, made, made);
	intake_commit(in);
	assert_null(strstr(log_text, "port"));
	intake_destroy(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(follows_the_neighbour),
					    cmocka_unit_test(ports_come_and_go) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
