/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records on their way to the engine. They travel in datagrams, some of which are under way at a
 * time. When a record fails, the engine does nothing of the datagrams that follow (DP_REQUEST_NEXT),
 * and those behind it are sent again before anything later, so that a bad record costs itself alone
 * and the order of the others stays. Where one has failed more may: then they go one at a time until
 * one is done as a whole. A datagram that is not full waits while others are under way.
 */
#include "control/engine_priv.h"

#include "base/log.h"
#include "base/rd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Under way at most: the engine is busy while weftd is, and their answers fit its socket. */
#define SENT_MAX 32

/* One datagram: kept until it is answered. */
struct request {
	STAILQ_ENTRY(request) entry;
	struct buf bytes; /* struct dp_request and records */
	uint32_t seq, count;
	unsigned fd_count;
	int fds[DP_FDS_MAX];
	uint32_t fd_record[DP_FDS_MAX]; /* index of the record that each goes with */
	engine_results_cb results_cb;
	void *results_arg;
	struct buf results;
};

void engine_queue_init(struct engine_queue *q)
{
	*q = (struct engine_queue){ .seq = 0 };
	STAILQ_INIT(&q->sent);
	STAILQ_INIT(&q->waiting);
}

static void request_free(struct request *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->fd_count; i++)
		close(r->fds[i]);
	buf_free(&r->bytes);
	buf_free(&r->results);
	free(r);
}

static struct request *request_create(struct engine_queue *q)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->seq = ++q->seq;
	if (buf_reserve(&r->bytes, sizeof(struct dp_request)))
		return r;
	request_free(r);
	return NULL;
}

static int add_fd(struct request *r, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	r->fd_record[r->fd_count] = r->count;
	r->fds[r->fd_count++] = copy;
	return 0;
}

void engine_queue_close(struct engine_queue *q)
{
	if (!q->open)
		return;
	STAILQ_INSERT_TAIL(&q->waiting, q->open, entry);
	q->open = NULL;
}

int engine_queue_add(struct engine_queue *q, uint16_t op, const void *record, size_t len, int fd)
{
	size_t padded = (len + 7) & ~(size_t)7;
	struct dp_record rec = { .op = op, .len = (uint16_t)padded };
	struct request *r = q->open;
	uint8_t *at;
	int code;

	if (r && (r->bytes.len + padded > DP_DATAGRAM_MAX || r->count == DP_RECORDS_MAX ||
		  (fd >= 0 && r->fd_count == DP_FDS_MAX))) {
		engine_queue_close(q);
		r = NULL;
	}
	if (!r)
		r = request_create(q);
	if (!r)
		return -ENOMEM;
	code = fd >= 0 ? add_fd(r, fd) : 0;
	at = code ? NULL : buf_reserve(&r->bytes, padded);
	if (!at) {
		if (r != q->open || r->bytes.bad) {
			if (r == q->open)
				q->open = NULL;
			request_free(r);
		}
		return code ? code : -ENOMEM;
	}
	q->open = r;
	memcpy(at, record, len);
	memcpy(at, &rec, sizeof(rec));
	r->count++;
	return 0;
}

int engine_queue_ask(struct engine_queue *q, const struct engine_question *questions, unsigned count,
		     engine_results_cb cb, void *arg)
{
	/* A request of its own, behind everything that was added before. */
	engine_queue_close(q);
	for (unsigned i = 0; i < count; i++) {
		int code = engine_queue_add(q, questions[i].op, questions[i].record, questions[i].len, -1);

		if (code) {
			request_free(q->open);
			q->open = NULL;
			return code;
		}
	}
	q->open->results_cb = cb;
	q->open->results_arg = arg;
	engine_queue_close(q);
	return 0;
}

static int transmit(struct request *r, uint16_t flags, int sock)
{
	struct dp_request head = { .seq = r->seq, .count = (uint16_t)r->count, .flags = flags };
	struct iovec iov = { .iov_base = r->bytes.data, .iov_len = r->bytes.len };
	char control[CMSG_SPACE(sizeof(r->fds))] = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(r->bytes.data, &head, sizeof(head));
	if (r->fd_count) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(r->fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(r->fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), r->fds, r->fd_count * sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static struct request *next_request(struct engine_queue *q)
{
	if (STAILQ_EMPTY(&q->waiting) && !q->sent_count)
		engine_queue_close(q);
	return q->sent_count < (q->anew ? 1 : SENT_MAX) ? STAILQ_FIRST(&q->waiting) : NULL;
}

int engine_queue_transmit(struct engine_queue *q, int sock)
{
	struct request *r;
	int code;

	while ((r = next_request(q))) {
		code = transmit(r, q->anew ? 0 : DP_REQUEST_NEXT, sock);
		if (code == -ETOOMANYREFS && q->sent_count)
			return 0; /* descriptors under way, until there is an answer */
		if (code)
			return code == -ENOBUFS || code == -EINTR ? -EAGAIN : code;
		STAILQ_REMOVE_HEAD(&q->waiting, entry);
		STAILQ_INSERT_TAIL(&q->sent, r, entry);
		q->sent_count++;
	}
	return 0;
}

/* The begin of record `index`, with r left behind it; false when there is none. */
static bool skip_to(struct rd *r, uint32_t index, struct dp_id *rec)
{
	rd_skip(r, sizeof(struct dp_request));
	for (uint32_t i = 0; i <= index && !r->bad && r->left; i++) {
		struct rd peek = *r;

		rd_copy(&peek, &rec->rec, sizeof(rec->rec));
		rd_copy(&peek, &rec->id, sizeof(rec->id));
		rd_skip(r, rec->rec.len);
		if (i == index)
			return !r->bad;
	}
	return false;
}

/* Puts what is behind record `index` of r first in the queue; the begin of that one, or zeroes. */
static struct dp_id send_rest(struct engine_queue *q, struct request *r, uint32_t index)
{
	struct rd rd = rd_of(r->bytes.data, r->bytes.len);
	const struct dp_id none = { 0 };
	struct dp_id bad = none;
	struct request *rest;
	unsigned kept = 0;

	if (!skip_to(&rd, index, &bad))
		return none;
	if (!rd.left)
		return bad;
	rest = request_create(q);
	if (!rest)
		return none;
	buf_put(&rest->bytes, rd.p, rd.left);
	if (rest->bytes.bad) {
		request_free(rest);
		return none;
	}
	rest->count = r->count - index - 1;
	for (unsigned i = 0; i < r->fd_count; i++) {
		if (r->fd_record[i] > index) {
			rest->fd_record[rest->fd_count] = r->fd_record[i] - index - 1;
			rest->fds[rest->fd_count++] = r->fds[i];
		} else {
			r->fd_record[kept] = r->fd_record[i];
			r->fds[kept++] = r->fds[i];
		}
	}
	r->fd_count = kept;
	STAILQ_INSERT_HEAD(&q->waiting, rest, entry);
	return bad;
}

static bool is_del(uint16_t op)
{
	return op == DP_VNET_DEL || op == DP_NODE_DEL || op == DP_PORT_DEL || op == DP_LINK_DEL ||
	       op == DP_FIB_DEL || op == DP_NH_DEL || op == DP_CAPTURE_DEL;
}

/* The engine has done nothing of what was sent behind a request that failed. */
static void send_again(struct engine_queue *q)
{
	struct request *r;

	STAILQ_FOREACH (r, &q->sent, entry)
		r->seq = ++q->seq;
	STAILQ_CONCAT(&q->sent, &q->waiting);
	STAILQ_CONCAT(&q->waiting, &q->sent);
	q->cancelled = q->sent_count;
	q->sent_count = 0;
}

static void take_results(struct request *r, struct engine_answer *out)
{
	if (r->results.bad)
		buf_reset(&r->results);
	if (r->results_cb) {
		r->results_cb(r->results_arg, &r->results);
	} else {
		out->results = r->results;
		r->results = (struct buf){ 0 };
	}
}

int engine_queue_answer(struct engine_queue *q, const void *bytes, size_t len,
			struct engine_answer *out)
{
	struct request *r = STAILQ_FIRST(&q->sent);
	struct rd rd = rd_of(bytes, len);

	*out = (struct engine_answer){ .ok = true };
	rd_copy(&rd, &out->reply, sizeof(out->reply));
	if (q->cancelled && !rd.bad && out->reply.status == -ECANCELED) {
		q->cancelled--;
		return -EAGAIN;
	}
	if (rd.bad || !r || out->reply.seq != r->seq)
		return -EBADMSG;
	buf_put(&r->results, rd.p, rd.left);
	if (out->reply.flags & DP_REPLY_MORE)
		return -EAGAIN;
	STAILQ_REMOVE_HEAD(&q->sent, entry);
	q->sent_count--;
	out->reply.error[sizeof(out->reply.error) - 1] = 0;
	q->anew = out->reply.status < 0;
	if (q->anew) {
		send_again(q);
		out->bad = send_rest(q, r, out->reply.index);
		/* What was to go and is not there is as it should be. */
		out->ok = out->reply.status == -ENOENT && is_del(out->bad.rec.op);
	}
	take_results(r, out);
	request_free(r);
	return 0;
}

bool engine_queue_idle(const struct engine_queue *q)
{
	return !q->open && STAILQ_EMPTY(&q->sent) && STAILQ_EMPTY(&q->waiting);
}

void engine_queue_clear(struct engine_queue *q)
{
	struct request *r;

	engine_queue_close(q);
	STAILQ_CONCAT(&q->sent, &q->waiting);
	q->sent_count = q->cancelled = 0;
	q->anew = false;
	while ((r = STAILQ_FIRST(&q->sent))) {
		STAILQ_REMOVE_HEAD(&q->sent, entry);
		buf_free(&r->results);
		if (r->results_cb)
			r->results_cb(r->results_arg, &r->results);
		request_free(r);
	}
}
