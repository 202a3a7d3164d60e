/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_SESSION_PRIV_H
#define VROUTER_SESSION_PRIV_H

/*
 * The host's end of a conversation with weft-agent (agent/proto.h): handshake, routes into the
 * intake, commands and files. Nothing the guest sends is trusted: what is no frame of this
 * session is skipped, what is none that could be right is dropped.
 */

#include "base/buf.h"
#include "vrouter/agent/proto.h"
#include "vrouter/vrouter.h"

struct bufferevent;
struct evbuffer;
struct event;
struct event_base;
struct intake;
struct session;

struct session_ops {
	void (*welcome)(void *arg, bool ready); /* the agent answers: a new session */
	void (*ready)(void *arg);
	void (*synced)(void *arg); /* a dump has ended and went to the intake */
};

/* in is fed once session_watch() was called; may outlive the session. */
int session_create(struct event_base *base, struct intake *in, const struct session_ops *ops,
		   void *arg, struct session **out);
void session_destroy(struct session *s); /* ends commands with -ECONNRESET; NULL allowed */

/* Connects to path, whose listener runs as uid, now or later, and again whenever it is lost. */
int session_dial(struct session *s, const char *path, uid_t uid);

/* Speaks on this descriptor (taken on success). */
int session_attach(struct session *s, int fd);

/* Ends the session and its commands, and dials no more. */
void session_close(struct session *s);

/* Asks for the dump and the stream. Nothing happens before a welcome. */
void session_watch(struct session *s);

int session_exec(struct session *s, const struct vrouter_exec_conf *conf,
		 struct vrouter_exec **out, struct err *err);
int session_put(struct session *s, const char *path, unsigned mode, const void *bytes, size_t len,
		void (*done)(void *arg, int status), void *arg, struct err *err);

/* Sets the guest's wall clock, and again while the answer takes too long to be sure of it; -ETIME when
 * that is so for ten times: the guest is busy, and later may be better. done
 * (may be NULL) as session_put()'s; an agent that does not know how leaves it until the session
 * ends. -EAGAIN: the guest does not answer yet. */
int session_clock(struct session *s, void (*done)(void *arg, int status), void *arg);
/* Gives the guest an identity. r's realtime_ns is filled in here; what comes after is as above. */
int session_renew(struct session *s, const struct agent_renew *r, const char *hostname,
		  void (*done)(void *arg, int status), void *arg);

/*
 * done: everything that the guest's kernel had changed when this was called is in the intake and has
 * been committed. -EAGAIN, now or by done: a dump is under way or is to come, or the guest does not answer. done may
 * stay away until the session ends: from an agent that lost notifications, or knows no such request.
 */
int session_sync(struct session *s, void (*done)(void *arg, int status), void *arg,
		 struct vrouter_exec **out);

/* The folder's own: between session*.c and tests. */

struct session {
	struct event_base *base;
	struct intake *intake;
	const struct session_ops *ops;
	void *arg;
	char path[108];
	uid_t uid;
	struct bufferevent *bev;
	struct event *dial, *hello, *commit, *rest, *anew;
	uint64_t nonce;
	bool welcomed, watching, dumping;
	unsigned agains, anew_s; /* of the part told last; how long until the next dump, if that is unsure */
	struct agent_again again;
	bool unsure; /* some part of the last dump may have been interrupted to the end */
	unsigned busy; /* callbacks under way */
	bool dead;     /* to be freed when they are over */
	uint32_t last_id;
	struct vrouter_exec *execs;
};

/* Frames of this session in `in`, handled one after the other; the rest is skipped. */
void session_input(struct session *s, struct evbuffer *in);

/* session_frame.c */

enum { SESSION_HEADER = sizeof(struct agent_frame) };

void session_send(struct session *s, enum agent_type type, uint32_t id, const void *bytes,
		  size_t len);
/*
 * The next whole frame of this session, left at the front of in. Of a frame with another nonce
 * only the first byte is skipped: it may have been cut short, and then frames of ours stand where
 * its payload should be.
 */
bool session_next_frame(const struct session *s, struct evbuffer *in, struct agent_frame *h);

void session_exec_frame(struct session *s, const struct agent_frame *h, const uint8_t *payload);
void session_exec_end_all(struct session *s);

/* What waits for its AGENT_EXIT: a command, a file, or one of session_clock.c's. */
struct vrouter_exec {
	struct session *session;
	struct vrouter_exec *next;
	uint32_t id;
	struct vrouter_exec_conf conf; /* of a command; of the others only done and arg */
	/* Takes the answer, 0 or -errno, and may ask again instead of ending it. NULL: a command. */
	void (*answer)(struct vrouter_exec *x, int status);
	struct buf file; /* path with its 0, then the bytes */
	size_t path_len, sent;
	unsigned mode;
	uint64_t asked_us; /* monotonic */
	unsigned tries;
};

struct vrouter_exec *session_exec_add(struct session *s); /* NULL: no memory */
void session_exec_end(struct vrouter_exec *x, int status);

#endif
