/* SPDX-License-Identifier: Apache-2.0 */
#include "control/taps_held.h"

#include "control/netns.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

struct held {
	int fd; /* -1: taken */
	ino_t netns;
	char ifname[IFNAMSIZ];
};

struct taps_held {
	size_t count, room;
	struct held *taps;
};

/* What fd is by its own account: who had it may be anybody. */
static bool identify(int fd, struct held *out)
{
	struct ifreq ifr = { 0 };
	struct stat st;
	int ns;

	if (ioctl(fd, TUNGETIFF, &ifr) < 0 || !(ifr.ifr_flags & IFF_TAP))
		return false;
	ns = ioctl(fd, TUNGETDEVNETNS);
	if (ns < 0)
		return false;
	*out = (struct held){ .fd = fd };
	memcpy(out->ifname, ifr.ifr_name, sizeof(out->ifname));
	if (fstat(ns, &st) == 0)
		out->netns = st.st_ino;
	close(ns);
	return out->netns != 0;
}

static bool add(struct taps_held *t, const struct held *tap)
{
	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct held *taps = realloc(t->taps, room * sizeof(*taps));

		if (!taps)
			return false;
		t->taps = taps;
		t->room = room;
	}
	t->taps[t->count++] = *tap;
	return true;
}

static bool is_tun(int dir, const char *name)
{
	char target[32];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = 0;
	return strcmp(target, "/dev/net/tun") == 0;
}

static void take_all(struct taps_held *t, int pidfd, DIR *fds)
{
	struct dirent *entry;

	while ((entry = readdir(fds))) {
		struct held tap;
		int fd;

		if (!is_tun(dirfd(fds), entry->d_name))
			continue;
		fd = pidfd_getfd(pidfd, atoi(entry->d_name), 0);
		if (fd >= 0 && (!identify(fd, &tap) || !add(t, &tap)))
			close(fd);
	}
}

struct taps_held *taps_held_by(pid_t pid)
{
	struct taps_held *t = calloc(1, sizeof(*t));
	int pidfd = pidfd_open(pid, 0);
	char path[32];
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = opendir(path);
	if (t && pidfd >= 0 && fds)
		take_all(t, pidfd, fds);
	if (fds)
		closedir(fds);
	if (pidfd >= 0)
		close(pidfd);
	return t;
}

int taps_held_take(struct taps_held *t, const char *ns, const char *ifname)
{
	ino_t netns = netns_inode(ns);

	for (size_t i = 0; t && netns && i < t->count; i++) {
		int fd = t->taps[i].fd;

		if (fd < 0 || t->taps[i].netns != netns || strcmp(t->taps[i].ifname, ifname) != 0)
			continue;
		t->taps[i].fd = -1;
		return fd;
	}
	return -1;
}

void taps_held_free(struct taps_held *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		if (t->taps[i].fd >= 0)
			close(t->taps[i].fd);
	free(t->taps);
	free(t);
}
