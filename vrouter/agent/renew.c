/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clone is its template until it gets an identity of its own. First the kernel's random
 * generators, since everything after may draw from them: the seed goes into the pool, and a reseed
 * makes a new base key at once. That also begins a new generation, by which the generators of each
 * CPU and the batches drawn ahead from them are void (drivers/char/random.c of Linux).
 */
#include "vrouter/agent/agent_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* What <linux/random.h> ends with an array of no size. */
struct pool_info {
	int entropy_count; /* bits */
	int buf_size;
	uint8_t buf[sizeof(((struct agent_renew *)0)->seed)];
};

static int seed_random(const uint8_t *seed)
{
	struct pool_info info = { .entropy_count = 8 * sizeof(info.buf), .buf_size = sizeof(info.buf) };
	int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC), code = 0;

	if (fd < 0)
		return -errno;
	memcpy(info.buf, seed, sizeof(info.buf));
	if (ioctl(fd, RNDADDENTROPY, &info) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		code = -errno;
	explicit_bzero(&info, sizeof(info));
	close(fd);
	return code;
}

static int set_clock(uint64_t ns)
{
	const struct timespec now = { .tv_sec = (time_t)(ns / 1000000000u),
				      .tv_nsec = (long)(ns % 1000000000u) };

	return clock_settime(CLOCK_REALTIME, &now) < 0 ? -errno : 0;
}

static int write_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), code = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s\n", text) < 0)
		code = -errno;
	close(fd);
	return code;
}

static int set_machine_id(const uint8_t *id)
{
	char text[33];

	for (unsigned i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	return write_line("/etc/machine-id", text);
}

int32_t identity_renew(struct rd payload)
{
	struct agent_renew renew;
	char hostname[HOST_NAME_LEN + 1];
	int code = host_renew(payload, &renew, hostname);

	if (!code)
		code = seed_random(renew.seed);
	if (!code)
		code = set_clock(renew.realtime_ns);
	if (!code && sethostname(hostname, strlen(hostname)) < 0)
		code = -errno;
	if (!code)
		code = write_line("/etc/hostname", hostname);
	if (!code)
		code = set_machine_id(renew.machine_id);
	explicit_bzero(&renew, sizeof(renew));
	return code;
}

int32_t clock_put(struct rd payload)
{
	uint64_t ns;
	int code = host_clock(payload, &ns);

	return code ? code : set_clock(ns);
}
