/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between clone() and execve() only system calls and string functions are used: other threads of
 * the parent may have held any lock.
 */
#include "hv/jail_priv.h"

#include "base/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { NOFILE_MAX = 1024, NPROC_MAX = 256 };

/* Before who started it, the engine, and others who are not just started again. */
#define OOM_SCORE "300"

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(126);
}

static __attribute__((noreturn)) void fail(const char *what, const char *which)
{
	const char *why = strerrordesc_np(errno);

	say("jail: ");
	say(what);
	say(" ");
	say(which);
	say(": ");
	say(why ? why : "unknown error");
	say("\n");
	_exit(127);
}

/* root + path, e.g. "/run/r1/root" "/usr" */
static void in_root(char out[PATH_MAX], const char *root, const char *path)
{
	size_t a = strlen(root), b = strlen(path);

	if (a + b >= PATH_MAX) {
		errno = ENAMETOOLONG;
		fail("path", path);
	}
	memcpy(out, root, a);
	memcpy(out + a, path, b + 1);
}

/* Makes the directories above path (below the length `from`), and path itself. */
static void make_place(char *path, size_t from, bool file)
{
	int fd;

	for (char *p = path + from + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			fail("mkdir", path);
		*p = '/';
	}
	if (!file) {
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			fail("mkdir", path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		fail("create", path);
	close(fd);
}

static void bind_one(const char *root, const struct jail_bind *b)
{
	unsigned long flags = MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV;
	char to[PATH_MAX];

	in_root(to, root, b->to);
	make_place(to, strlen(root), b->file);
	if (mount(b->from, to, NULL, MS_BIND, NULL) < 0)
		fail("bind", b->from);
	if (!b->writable)
		flags |= MS_RDONLY;
	if (mount(NULL, to, NULL, flags, NULL) < 0)
		fail("remount", b->from);
}

static void make_node(const char *root, const char *path, dev_t dev, uid_t uid, mode_t mode)
{
	char to[PATH_MAX];

	in_root(to, root, path);
	make_place(to, strlen(root), true);
	if (unlink(to) < 0 || mknod(to, S_IFCHR, dev) < 0 || chown(to, uid, uid) < 0 ||
	    chmod(to, mode) < 0)
		fail("node", path);
}

static void make_nodes(const char *root, const struct jail_conf *conf)
{
	struct stat st;

	make_node(root, "/dev/null", makedev(1, 3), 0, 0666);
	make_node(root, "/dev/zero", makedev(1, 5), 0, 0666);
	make_node(root, "/dev/urandom", makedev(1, 9), 0, 0444);
	if (!conf->kvm)
		return;
	if (stat("/dev/kvm", &st) < 0)
		fail("stat", "/dev/kvm");
	make_node(root, "/dev/kvm", st.st_rdev, conf->uid, 0600);
}

/* The root is a small tmpfs on DIR/root, seen in this mount namespace alone. */
static void enter_root(const struct jail_conf *conf)
{
	static const struct jail_bind usr = { .from = "/usr", .to = "/usr" };
	static const struct jail_bind fds = { .from = "/proc/self/fd", .to = "/fd" };
	static const char *const links[][2] = { { "usr/lib", "/lib" }, { "usr/lib64", "/lib64" } };
	char root[PATH_MAX], path[PATH_MAX];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("make private", "/");
	in_root(root, conf->dir, "/root");
	if (mount("jail", root, "tmpfs", MS_NOSUID, "size=256k,mode=0755") < 0)
		fail("mount", root);
	bind_one(root, &usr);
	for (unsigned i = 0; i < 2; i++) {
		in_root(path, root, links[i][1]);
		if (symlink(links[i][0], path) < 0)
			fail("link", path);
	}
	make_nodes(root, conf);
	for (unsigned i = 0; i < conf->bind_count; i++)
		bind_one(root, &conf->binds[i]);
	if (conf->fd_paths) /* "self" is this process, here and after execve() */
		bind_one(root, &fds);
	if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0)
		fail("pivot to", root);
	if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL) < 0)
		fail("remount", "/");
}

/* How many datagrams may wait at a socket is a property of the namespace it was made in. */
static void enter_network(void)
{
	int fd = open("/proc/sys/net/unix/max_dgram_qlen", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "512\n", 4) != 4)
		fail("set", "max_dgram_qlen");
	close(fd);
}

static void raise_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		fail("raise", "lo");
	close(fd);
}

static void set_limit(__rlimit_resource_t what, rlim_t max, const char *name)
{
	const struct rlimit lim = { .rlim_cur = max, .rlim_max = max };

	if (setrlimit(what, &lim) < 0)
		fail("limit", name);
}

/* Raw system calls: the C library's own would signal threads that this process does not have. */
static void drop_privileges(uid_t uid)
{
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, uid, uid, uid) < 0 ||
	    syscall(SYS_setresuid, uid, uid, uid) < 0)
		fail("become", "the machine's uid");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("set", "no_new_privs");
}

static void reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL); /* some cannot be set: fine */
	/* A log that reached its limit must not end the machine: its writes fail instead. */
	sa.sa_handler = SIG_IGN;
	sigaction(SIGXFSZ, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* First all out of the way, then into place: none is overwritten before it has been moved. */
static void place_descriptors(const struct jail_conf *conf)
{
	int high[JAIL_FDS_MAX], end = 3 + (int)conf->fd_count;

	for (unsigned i = 0; i < conf->fd_count; i++) {
		high[i] = fcntl(conf->fds[i], F_DUPFD, end);
		if (high[i] < 0)
			fail("move", "a descriptor");
	}
	for (unsigned i = 0; i < conf->fd_count; i++)
		if (dup2(high[i], 3 + (int)i) < 0)
			fail("place", "a descriptor");
}

static __attribute__((noreturn)) void child(const struct jail_conf *conf, int null_fd)
{
	static char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };

	if (dup2(null_fd, 0) < 0 || dup2(conf->log_fd, 1) < 0 || dup2(conf->log_fd, 2) < 0)
		_exit(126);
	place_descriptors(conf);
	reset_signals();
	setsid();
	oom_adjust(OOM_SCORE);
	umask(0077);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		fail("make", "namespaces");
	enter_network();
	if (conf->loopback)
		raise_loopback();
	umask(0);
	enter_root(conf);
	umask(0077);
	set_limit(RLIMIT_CORE, 0, "core");
	set_limit(RLIMIT_NOFILE, NOFILE_MAX, "nofile");
	set_limit(RLIMIT_NPROC, NPROC_MAX, "nproc");
	set_limit(RLIMIT_FSIZE, conf->file_max, "fsize");
	drop_privileges(conf->uid);
	if (syscall(SYS_close_range, 3 + conf->fd_count, ~0u, CLOSE_RANGE_UNSHARE) < 0)
		fail("close", "descriptors");
	execve(conf->argv[0], (char *const *)conf->argv, env);
	fail("run", conf->argv[0]);
}

int jail_spawn(const struct jail_conf *conf, pid_t *pid, struct err *err)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), code = 0;
	sigset_t all, old;
	pid_t p;

	if (null_fd < 0)
		return err_sys(err, -errno, "/dev/null");
	/* A signal between clone and reset_signals() would run the parent's handler in the child,
	 * on descriptors that both share. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	p = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
	if (p == 0)
		child(conf, null_fd);
	if (p < 0)
		code = err_sys(err, -errno, "clone");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(null_fd);
	if (!code)
		*pid = p;
	return code;
}
