/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/fpm_tell_priv.h"

#include "base/buf.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static void put_attr(struct buf *b, uint16_t type, const void *bytes, size_t len)
{
	buf_u16(b, (uint16_t)(NLA_HDRLEN + len));
	buf_u16(b, type);
	buf_put(b, bytes, len);
	buf_reserve(b, NLA_ALIGN(len) - len);
}

static void put_u32(struct buf *b, uint16_t type, uint32_t v)
{
	put_attr(b, type, &v, sizeof(v));
}

static void say(struct intake *in, uint16_t type, uint16_t flags, const struct buf *body)
{
	struct nlmsghdr h = { .nlmsg_len = (uint32_t)(sizeof(h) + body->len), .nlmsg_type = type,
			      .nlmsg_flags = flags };
	struct buf b = { 0 };

	buf_put(&b, &h, sizeof(h));
	buf_put(&b, body->data, body->len);
	if (!b.bad && !body->bad)
		intake_netlink(in, b.data, b.len);
	buf_free(&b);
}

static uint8_t af_of(const struct snooped_addr *a)
{
	return a->family == 4 ? AF_INET : AF_INET6;
}

static uint8_t bytes_of(const struct snooped_addr *a)
{
	return a->family == 4 ? 4 : 16;
}

void fpm_tell_link(struct intake *in, uint32_t ifindex, const struct intake_port *p)
{
	struct ifinfomsg m = { .ifi_index = (int)ifindex, .ifi_type = ARPHRD_ETHER,
			       .ifi_flags = IFF_UP | IFF_RUNNING | IFF_LOWER_UP };
	struct buf b = { 0 };

	buf_put(&b, &m, sizeof(m));
	put_attr(&b, IFLA_IFNAME, p->name, strnlen(p->name, sizeof(p->name)) + 1);
	put_attr(&b, IFLA_ADDRESS, p->mac, sizeof(p->mac));
	put_u32(&b, IFLA_MTU, p->mtu);
	say(in, p->mtu ? RTM_NEWLINK : RTM_DELLINK, 0, &b);
	buf_free(&b);
}

void fpm_tell_neighbour(struct intake *in, uint32_t ifindex, const struct snooped_addr *a,
			const uint8_t *mac)
{
	struct ndmsg m = { .ndm_family = af_of(a), .ndm_ifindex = (int)ifindex,
			   .ndm_state = NUD_REACHABLE };
	struct buf b = { 0 };

	buf_put(&b, &m, sizeof(m));
	put_attr(&b, NDA_DST, a->bytes, bytes_of(a));
	if (mac)
		put_attr(&b, NDA_LLADDR, mac, 6);
	say(in, mac ? RTM_NEWNEIGH : RTM_DELNEIGH, 0, &b);
	buf_free(&b);
}

static void tell_address(struct intake *in, uint32_t ifindex, const struct snooped_addr *a, bool has)
{
	struct ifaddrmsg m = { .ifa_family = af_of(a), .ifa_prefixlen = (uint8_t)(bytes_of(a) * 8),
			       .ifa_index = ifindex };
	struct buf b = { 0 };

	buf_put(&b, &m, sizeof(m));
	put_attr(&b, IFA_ADDRESS, a->bytes, bytes_of(a));
	put_attr(&b, IFA_LOCAL, a->bytes, bytes_of(a));
	say(in, has ? RTM_NEWADDR : RTM_DELADDR, 0, &b);
	buf_free(&b);
}

void fpm_tell_own(struct intake *in, uint32_t ifindex, const struct snooped_addr *a, bool has)
{
	struct rtmsg m = { .rtm_family = af_of(a), .rtm_dst_len = (uint8_t)(bytes_of(a) * 8),
			   .rtm_table = RT_TABLE_LOCAL, .rtm_protocol = RTPROT_KERNEL,
			   .rtm_scope = RT_SCOPE_HOST, .rtm_type = RTN_LOCAL };
	struct buf b = { 0 };

	tell_address(in, ifindex, a, has);
	buf_put(&b, &m, sizeof(m));
	put_attr(&b, RTA_DST, a->bytes, bytes_of(a));
	put_u32(&b, RTA_OIF, ifindex);
	say(in, has ? RTM_NEWROUTE : RTM_DELROUTE, NLM_F_REPLACE, &b);
	buf_free(&b);
}
