/* SPDX-License-Identifier: Apache-2.0 */
#include "control/netns.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>

#define NETNS_DIR "/run/netns"

static void netns_path(const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, NETNS_DIR "/%s", name);
}

static int own_netns(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

void netns_leave(int back)
{
	/* Going back to where this program lives cannot fail short of a broken kernel. */
	if (setns(back, CLONE_NEWNET) < 0)
		abort();
	close(back);
}

int netns_enter(const char *name, struct err *err)
{
	char path[PATH_MAX];
	int back, fd, code;

	netns_path(name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "namespace %s", name);
	back = own_netns();
	code = back < 0 || setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
	close(fd);
	if (code) {
		if (back >= 0)
			close(back);
		return err_sys(err, code, "namespace %s", name);
	}
	return back;
}

bool netns_exists(const char *name)
{
	char path[PATH_MAX];
	struct stat st, dir;

	netns_path(name, path);
	return stat(path, &st) == 0 && stat(NETNS_DIR, &dir) == 0 && st.st_dev != dir.st_dev;
}

ino_t netns_inode(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	netns_path(name, path);
	return netns_exists(name) && stat(path, &st) == 0 ? st.st_ino : 0;
}

static void link_up(const char *ifname)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
}

/* As ip(8) has it: a mount that is shared. Were it a plain directory, the first `ip netns add` would
 * bind it over itself, and what is mounted in it by then could not be unmounted any more. */
static int share_netns_dir(struct err *err)
{
	int code = file_mkdirs(NETNS_DIR, 0755, err);

	if (code)
		return code;
	if (mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	if (errno != EINVAL || mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0 ||
	    mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0)
		return err_sys(err, -errno, NETNS_DIR);
	return 0;
}

/* From within a namespace: its place in the file system keeps it. */
static int keep(const char *from, const char *path)
{
	return mount(from, path, "none", MS_BIND, NULL) < 0 ? -errno : 0;
}

static int create_own(const char *path)
{
	int back = own_netns(), code;

	if (back < 0 || unshare(CLONE_NEWNET) < 0) {
		code = -errno;
		if (back >= 0)
			close(back);
		return code;
	}
	code = keep("/proc/self/ns/net", path);
	link_up("lo");
	netns_leave(back);
	return code;
}

/* Root of the child's user namespace is uid. Its network namespace is kept, and keeps the other. */
static int map_and_keep(pid_t child, uid_t uid, const char *path)
{
	char file[64], text[48];
	int n = snprintf(text, sizeof(text), "0 %u 1\n", uid), code = 0;

	for (int i = 0; !code && i < 2; i++) {
		int fd;

		snprintf(file, sizeof(file), "/proc/%d/%s", child, i ? "gid_map" : "uid_map");
		fd = open(file, O_WRONLY | O_CLOEXEC);
		code = fd < 0 || write(fd, text, (size_t)n) != n ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	snprintf(file, sizeof(file), "/proc/%d/ns/net", child);
	return code ? code : keep(file, path);
}

/* Makes the namespaces, says that they are there or why not, and waits until it may go. */
static void hold_namespaces(int in, int out)
{
	int code = unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : 0;
	char byte;

	if (write(out, &code, sizeof(code)) == sizeof(code) && read(in, &byte, 1) < 0)
		_exit(1);
	_exit(0);
}

static int create_confined(const char *path, uid_t uid)
{
	int go[2], said[2], code;
	pid_t child;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(said, O_CLOEXEC) < 0) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	child = fork();
	if (child == 0) {
		close(go[1]);
		hold_namespaces(go[0], said[1]);
	}
	code = child < 0 ? -errno : 0;
	close(go[0]);
	close(said[1]);
	if (!code && read(said[0], &code, sizeof(code)) != sizeof(code))
		code = -EIO;
	if (!code)
		code = map_and_keep(child, uid, path);
	close(go[1]); /* it may go */
	close(said[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return code;
}

int netns_create(const char *name, uid_t uid, struct err *err)
{
	char path[PATH_MAX];
	int fd, back, code = 0;

	netns_path(name, path);
	if (netns_exists(name))
		return err_set(err, -EEXIST, "namespace %s exists", name);
	code = share_netns_dir(err);
	if (code)
		return code;
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	close(fd);
	code = uid ? create_confined(path, uid) : create_own(path);
	if (code) {
		unlink(path);
		return err_sys(err, code, uid ? "namespace %s of a user's own" : "namespace %s", name);
	}
	if (!uid)
		return 0;
	back = netns_enter(name, err);
	if (back < 0)
		return back;
	link_up("lo");
	netns_leave(back);
	return 0;
}

int netns_user(int ns, int *user)
{
	struct stat is, own;

	*user = ioctl(ns, NS_GET_USERNS);
	if (*user < 0 || fstat(*user, &is) < 0 || stat("/proc/self/ns/user", &own) < 0)
		return -errno;
	if (is.st_ino == own.st_ino) {
		close(*user);
		*user = -1;
	}
	return 0;
}

bool netns_is_confined(const char *name)
{
	char path[PATH_MAX];
	int ns, user = -1;

	netns_path(name, path);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns >= 0)
		netns_user(ns, &user);
	if (ns >= 0)
		close(ns);
	if (user >= 0)
		close(user);
	return user >= 0;
}

void netns_kill_user(uid_t uid)
{
	pid_t child = fork();

	if (child == 0) {
		if (uid && setresuid(uid, uid, uid) == 0)
			kill(-1, SIGKILL); /* all that it may, but for itself */
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

/* Kills every process whose network namespace is that of st; true if there was one. */
static bool kill_inside(const struct stat *ns)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	bool found = false;

	while (proc && (d = readdir(proc))) {
		char path[300];
		struct stat st;

		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", d->d_name);
		if (stat(path, &st) == 0 && st.st_ino == ns->st_ino && st.st_dev == ns->st_dev &&
		    kill(atoi(d->d_name), SIGKILL) == 0)
			found = true;
	}
	if (proc)
		closedir(proc);
	return found;
}

int netns_destroy(const char *name, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	netns_path(name, path);
	if (netns_exists(name) && stat(path, &st) == 0) {
		/* Again while something is found: a process may fork as it is killed. */
		for (int i = 0; i < 10 && kill_inside(&st); i++)
			;
		if (umount2(path, MNT_DETACH) < 0)
			return err_sys(err, -errno, "%s", path);
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "%s", path);
	return 0;
}
