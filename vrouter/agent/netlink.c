/* SPDX-License-Identifier: Apache-2.0 */
/* The little of netlink that the agent needs, so that it links nothing. */
#include "vrouter/agent/agent_priv.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

int nl_open(int protocol)
{
	const struct sockaddr_nl local = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), one = 1, code;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&local, sizeof(local)) < 0) {
		code = -errno;
		close(fd);
		return code;
	}
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	return fd;
}

int nl_request(int fd, uint16_t type, uint16_t flags, uint32_t seq, const void *body, size_t len)
{
	struct {
		struct nlmsghdr nlh;
		uint8_t body[128];
	} req = { .nlh = { .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len), .nlmsg_type = type,
			   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags), .nlmsg_seq = seq } };

	if (len > sizeof(req.body))
		return -EINVAL;
	memcpy(req.body, body, len);
	return send(fd, &req, req.nlh.nlmsg_len, 0) < 0 ? -errno : 0;
}

int nl_dump(int protocol, uint16_t type, const void *body, size_t len, nl_cb cb, void *arg)
{
	static uint8_t part[32768] __attribute__((aligned(8)));
	const struct timeval patience = { .tv_sec = 2 };
	int fd = nl_open(protocol), code;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	code = nl_request(fd, type, NLM_F_DUMP, 1, body, len);
	for (bool more = !code; more;) {
		ssize_t n = recv(fd, part, sizeof(part), 0);
		struct nlmsghdr *nlh = (struct nlmsghdr *)part;

		if (n < 0) {
			code = -errno;
			break;
		}
		for (int left = (int)n; more && NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
			if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
				more = false;
			else
				cb(nlh, arg);
		}
	}
	close(fd);
	return code;
}

const struct nlattr *nl_find(const void *p, size_t len, uint16_t type)
{
	const uint8_t *at = p;

	while (len >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)(const void *)at;
		size_t step = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if (step >= len)
			return NULL;
		at += step;
		len -= step;
	}
	return NULL;
}

size_t nl_len(const struct nlattr *a)
{
	return a ? a->nla_len - (size_t)NLA_HDRLEN : 0;
}

const void *nl_data(const struct nlattr *a)
{
	return (const uint8_t *)a + NLA_HDRLEN;
}
