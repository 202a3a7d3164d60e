/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_AGENT_AGENT_PRIV_H
#define VROUTER_AGENT_AGENT_PRIV_H

/*
 * weft-agent is one thread around one epoll. What goes to the host gathers in a buffer of the
 * port; while that is over TX_HIGH nothing that produces output is read (pipes and netlink
 * sockets keep it meanwhile), so nothing is lost and memory stays bounded.
 */

#include "base/buf.h"
#include "base/rd.h"
#include "vrouter/agent/host.h"
#include "vrouter/agent/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TX_HIGH (256u << 10)

/* Something epoll watches. Paused sources are taken out of the epoll: a hang-up would be reported
 * for any that is in it. */
struct source {
	int fd; /* -1: none */
	void (*ready)(struct source *s, uint32_t events);
	uint32_t events;
	bool added;
	bool idle;   /* out of the epoll for now, by source_idle() */
	bool output; /* what is read of it goes to the host: paused while the port is full */
};

int loop_init(void);
void loop_run(void);
void source_open(struct source *s, int fd, uint32_t events, bool output,
		 void (*ready)(struct source *s, uint32_t events));
void source_close(struct source *s); /* closes the fd; fine when there is none */
void source_idle(struct source *s, bool idle);
void loop_pause_output(bool pause);

/* The port. */
int port_open(void);
void port_to(int fd, uint64_t nonce); /* in its place: a host that only listens */
bool port_session(void); /* there is a host to talk to */
void port_send(enum agent_type type, uint32_t id, const void *bytes, size_t len);
void port_send_i32(enum agent_type type, uint32_t id, int32_t value);

/* /run/weft/ready */
void ready_init(void);
bool ready_now(void);

/* Commands and files. */
void exec_init(void);
void exec_start(uint32_t id, struct rd payload);
void exec_stdin(uint32_t id, struct rd payload);
void exec_kill(uint32_t id, struct rd payload);
void exec_forget_all(void); /* the session is over: commands go on unseen */
int32_t file_put(struct rd payload);

/* Who this guest is. */
int32_t identity_renew(struct rd payload);
int32_t clock_put(struct rd payload);

/* What init, the clone script and the host run, with the words after the first; the program's status. */
int nics_main(const char *path);
int routes_main(void);
int vty_main(char **argv);

/* rtnetlink. */
void routes_watch(void);
void routes_stop(void);
void routes_sync(uint32_t id);

/* What else forwards. */
void forward_start(void); /* announces the flags at once and at each change */
void forward_stop(void);
void forward_announce(void);
uint32_t forward_nft(void);
uint32_t forward_xfrm(void);
uint32_t forward_tc(void);

/* Netlink, blocking, for short dumps. */
struct nlmsghdr;
struct nlattr;
typedef void (*nl_cb)(const struct nlmsghdr *nlh, void *arg);
int nl_open(int protocol);
int nl_request(int fd, uint16_t type, uint16_t flags, uint32_t seq, const void *body, size_t len);
/* Opens a socket, dumps, calls cb for each message, closes. 0 or -errno. */
int nl_dump(int protocol, uint16_t type, const void *body, size_t len, nl_cb cb, void *arg);
/* The attribute of the type in [p, end), or NULL. */
const struct nlattr *nl_find(const void *p, size_t len, uint16_t type);
size_t nl_len(const struct nlattr *a);
const void *nl_data(const struct nlattr *a);

#endif
