/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-serial port and the session on it. */
#include "vrouter/agent/agent_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static struct source port = { .fd = -1 };
static struct host_stream rx;
static struct buf tx;
static uint64_t session; /* 0: none */

bool port_session(void)
{
	return session != 0;
}

static void end_session(void)
{
	if (!session)
		return;
	session = 0;
	buf_reset(&tx);
	exec_forget_all();
	routes_stop();
	forward_stop();
	loop_pause_output(false);
}

static void flush(void)
{
	size_t sent = 0;

	while (sent < tx.len) {
		ssize_t n = write(port.fd, tx.data + sent, tx.len - sent);

		if (n <= 0)
			break; /* full, or no host: the next edge brings us back */
		sent += (size_t)n;
	}
	buf_consume(&tx, sent);
	loop_pause_output(tx.len > TX_HIGH);
}

void port_send(enum agent_type type, uint32_t id, const void *bytes, size_t len)
{
	if (!session)
		return;
	host_frame(&tx, type, session, id, bytes, len);
	flush();
}

void port_send_i32(enum agent_type type, uint32_t id, int32_t value)
{
	port_send(type, id, &value, sizeof(value));
}

static void read_image(char *name, size_t size)
{
	FILE *f = fopen("/etc/weft/image", "re");

	memset(name, 0, size);
	if (!f)
		return;
	if (fgets(name, (int)size, f))
		name[strcspn(name, "\n")] = 0;
	fclose(f);
}

static void welcome(uint64_t nonce)
{
	struct agent_welcome w = { .version = AGENT_VERSION, .ready = ready_now() };
	struct timespec up;

	if (session != nonce) {
		end_session();
		session = nonce;
	}
	clock_gettime(CLOCK_BOOTTIME, &up);
	w.uptime_ms = (uint64_t)up.tv_sec * 1000 + (uint64_t)up.tv_nsec / 1000000;
	read_image(w.image, sizeof(w.image));
	port_send(AGENT_WELCOME, 0, &w, sizeof(w));
}

static void take(void *arg, const struct agent_frame *f, const uint8_t *payload)
{
	struct rd r = rd_of(payload, f->len);

	if (f->type == AGENT_HELLO && f->nonce)
		welcome(f->nonce);
	if (!session || f->nonce != session)
		return;
	switch (f->type) {
	case AGENT_WATCH:
		routes_watch();
		break;
	case AGENT_EXEC:
		exec_start(f->id, r);
		break;
	case AGENT_STDIN:
		exec_stdin(f->id, r);
		break;
	case AGENT_KILL:
		exec_kill(f->id, r);
		break;
	case AGENT_FILE:
		port_send_i32(AGENT_EXIT, f->id, file_put(r));
		break;
	case AGENT_RENEW:
		port_send_i32(AGENT_EXIT, f->id, identity_renew(r));
		break;
	case AGENT_CLOCK:
		port_send_i32(AGENT_EXIT, f->id, clock_put(r));
		break;
	case AGENT_SYNC:
		routes_sync(f->id);
		break;
	default:
		break;
	}
}

/* Edge-triggered, since without a host the port is in a permanent hang-up. */
static void port_ready(struct source *s, uint32_t events)
{
	static uint8_t part[32768];
	ssize_t n;

	while ((n = read(s->fd, part, sizeof(part))) > 0)
		host_feed(&rx, part, (size_t)n, take, NULL);
	if (n == 0) {
		host_reset(&rx);
		end_session();
	}
	flush();
}

/* The device node of the port with our name; ports appear a moment after their driver. */
static int find_port(char *path, size_t size)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	int code = -ENOENT;

	while (dir && code && (e = readdir(dir))) {
		char name[64] = "", file[512];
		FILE *f;

		snprintf(file, sizeof(file), "/sys/class/virtio-ports/%s/name", e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(file, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) && !strcmp(name, AGENT_PORT_NAME "\n"))
			code = snprintf(path, size, "/dev/%s", e->d_name) < (int)size ? 0 : -ENAMETOOLONG;
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return code;
}

void port_to(int fd, uint64_t nonce)
{
	port.fd = fd;
	session = nonce;
}

int port_open(void)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	char path[300];
	int fd, code = -ENOENT;

	for (unsigned i = 0; i < 500 && code; i++) {
		code = find_port(path, sizeof(path));
		if (code)
			nanosleep(&pause, NULL);
	}
	if (code)
		return code;
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	source_open(&port, fd, EPOLLIN | EPOLLOUT | EPOLLET, false, port_ready);
	host_frame(&tx, AGENT_BORN, 0, 0, NULL, 0);
	flush(); /* or later, when there is a host */
	return 0;
}
