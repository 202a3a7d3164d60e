/* SPDX-License-Identifier: Apache-2.0 */
#include "control/engine_priv.h"

#include "base/file.h"
#include "base/log.h"
#include "control/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"

static long huge_read(const char *name)
{
	char path[128];
	struct buf b = { 0 };
	long value = -1;

	snprintf(path, sizeof(path), HUGE_DIR "%s", name);
	if (file_read(path, 64, &b, NULL) == 0) {
		buf_u8(&b, 0);
		value = b.bad ? -1 : atol((const char *)b.data);
	}
	buf_free(&b);
	return value;
}

static bool huge_write(long pages)
{
	FILE *f = fopen(HUGE_DIR "nr_hugepages", "we");

	if (!f)
		return false;
	fprintf(f, "%ld\n", pages);
	return fclose(f) == 0;
}

/* Some bits of the kernel's boot id: a reservation of before the last boot is none any more. */
static int64_t this_boot(void)
{
	struct buf b = { 0 };
	int64_t id = 0;

	if (file_read("/proc/sys/kernel/random/boot_id", 64, &b, NULL) == 0) {
		buf_u8(&b, 0);
		id = b.bad ? 0 : (int64_t)strtoul((const char *)b.data, NULL, 16);
	}
	buf_free(&b);
	return id;
}

static int64_t pages_added(struct store *store)
{
	return store_number(store, "hugepages_boot") == this_boot() ?
		       store_number(store, "hugepages") : 0;
}

static int remember(struct store *store, int64_t pages)
{
	int code = store_number_set(store, "hugepages", pages, NULL);

	return code ? code : store_number_set(store, "hugepages_boot", this_boot(), NULL);
}

static void hugepages_release(struct store *store)
{
	int64_t added = pages_added(store);
	long now = huge_read("nr_hugepages");

	if (added <= 0 || now < 0)
		return;
	if (huge_write(now > added ? now - (long)added : 0))
		remember(store, 0);
}

/* Makes sure that ENGINE_HUGEPAGES are free, adding what is missing; false: go without. */
static bool hugepages_reserve(struct store *store)
{
	long missing = ENGINE_HUGEPAGES - huge_read("free_hugepages");
	long before = huge_read("nr_hugepages");
	int64_t ours = pages_added(store), added;

	if (before < 0)
		return false;
	if (missing <= 0)
		return true;
	if (remember(store, ours + missing) < 0)
		return false; /* nobody would take them back */
	huge_write(before + missing);
	added = huge_read("nr_hugepages") - before;
	remember(store, ours + added);
	if (added == missing)
		return true;
	log_warn("engine: only %ld of %ld huge pages could be reserved; going without", (long)added,
		 missing);
	hugepages_release(store);
	return false;
}

void engine_remove_traces(const struct engine_conf *conf)
{
	hugepages_release(conf->store);
	unlink(conf->socket); /* which stays of one that was killed */
}

pid_t engine_spawn(const struct engine_conf *conf, struct err *err)
{
	char uid[16];
	const char *argv[8 + 2 * DP_PCI_MAX] = { conf->program, "--socket", conf->socket, "--user", uid };
	const char *pci[DP_PCI_MAX];
	unsigned argc = 5, count = conf->pci ? conf->pci(conf->arg, pci) : 0;
	int log;
	pid_t pid;

	if (access(conf->program, X_OK) < 0)
		return err_sys(err, -errno, "%s", conf->program);
	snprintf(uid, sizeof(uid), "%u", conf->uid);
	log = open(conf->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (log < 0) { /* a full disk: it forwards without one */
		log_warn("engine: %s: %s", conf->log, strerror(errno));
		log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	}
	if (!hugepages_reserve(conf->store))
		argv[argc++] = "--no-huge";
	for (unsigned i = 0; i < count; i++) {
		argv[argc++] = "--pci";
		argv[argc++] = pci[i];
	}
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		setsid();
		dup2(null, STDIN_FILENO);
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		close_range(3, ~0u, 0);
		execv(conf->program, (char *const *)argv);
		_exit(127);
	}
	if (pid < 0)
		pid = err_sys(err, -errno, "fork");
	close(log);
	return pid;
}

void engine_describe_end(pid_t pid, char *why, size_t size)
{
	int status = 0;
	bool ours = waitpid(pid, &status, WNOHANG) == pid;

	if (ours && WIFSIGNALED(status))
		snprintf(why, size, "process %d was killed by signal %d", pid, WTERMSIG(status));
	else if (ours)
		snprintf(why, size, "process %d ended with status %d", pid, WEXITSTATUS(status));
	else
		snprintf(why, size, "process %d ended", pid);
}

int engine_dial(const char *path, struct ucred *peer)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(*peer);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), code;

	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	if (sock >= 0 && connect(sock, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	    getsockopt(sock, SOL_SOCKET, SO_PEERCRED, peer, &len) == 0)
		return sock;
	code = -errno;
	if (sock >= 0)
		close(sock);
	return code;
}
