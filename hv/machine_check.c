/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/machine_priv.h"

#include <errno.h>
#include <string.h>

enum { CPUS_MAX = 64, PAIRS_MAX = 8, NAME_MAX_LEN = 100, LOG_MAX = 16 << 20 };

bool machine_vhost_user(const struct hv_conf *conf)
{
	for (unsigned i = 0; i < conf->nic_count; i++)
		if (conf->nics[i].vhost_user)
			return true;
	return false;
}

static int check_socket(const struct hv_conf *conf, const char *path, const char *what,
			struct err *err)
{
	if (!path || path[0] != '/')
		return err_set(err, -EINVAL, "%s: %s needs an absolute path", conf->name, what);
	if (strlen(path) >= SOCK_PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "%s: %s is longer than the %d bytes of a socket's path",
			       conf->name, path, SOCK_PATH_MAX - 1);
	return 0;
}

static int check_nic(const struct hv_conf *conf, const struct hv_nic *nic, struct err *err)
{
	size_t n = strlen(conf->dir);
	int code = check_socket(conf, nic->peer, "a NIC's peer", err);

	if (!code && nic->pairs > (nic->vhost_user ? PAIRS_MAX : 1))
		return err_set(err, -EINVAL, "%s: %u pairs of queues; by vhost-user %d work, by relay one",
			       conf->name, nic->pairs, PAIRS_MAX);
	if (code || nic->vhost_user)
		return code;
	code = check_socket(conf, nic->local, "a NIC's local socket", err);
	if (code)
		return code;
	if (strncmp(nic->local, conf->dir, n) != 0 || nic->local[n] != '/' ||
	    strchr(nic->local + n + 1, '/'))
		return err_set(err, -EINVAL, "%s: %s is not in %s", conf->name, nic->local, conf->dir);
	return 0;
}

int machine_check(const struct hv_conf *conf, struct err *err)
{
	int code;

	if (!conf->name || strlen(conf->name) > NAME_MAX_LEN)
		return err_set(err, -EINVAL, "a machine needs a name of at most %d bytes", NAME_MAX_LEN);
	code = check_socket(conf, conf->dir, "its directory", err);
	if (!code && strlen(conf->dir) + sizeof("/console.sock") > SOCK_PATH_MAX)
		code = err_set(err, -ENAMETOOLONG, "%s: %s is too long for the sockets in it", conf->name,
			       conf->dir);
	if (code)
		return code;
	if (!conf->uid || conf->uid == (uid_t)-1)
		return err_set(err, -EINVAL, "%s: a machine needs a uid of its own", conf->name);
	if (!conf->cpus || conf->cpus > CPUS_MAX)
		return err_set(err, -EINVAL, "%s: %u CPUs; 1 to %d work", conf->name, conf->cpus, CPUS_MAX);
	if (conf->memory_mib < 16 || conf->memory_mib > HV_MEMORY_MAX_MIB)
		return err_set(err, -EINVAL, "%s: %u MiB of memory; 16 to %d work", conf->name,
			       conf->memory_mib, HV_MEMORY_MAX_MIB);
	if (conf->nic_count > HV_PORTS_MAX)
		return err_set(err, -EINVAL, "%s: %u NICs; at most %d work", conf->name, conf->nic_count,
			       HV_PORTS_MAX);
	if (conf->from && machine_vhost_user(conf))
		return err_set(err, -EINVAL, "%s: a NIC is attached by vhost-user, which a machine that "
			       "goes on from a saved one cannot have", conf->name);
	if (conf->huge_pages && (!machine_vhost_user(conf) || conf->memory_mib % 2))
		return err_set(err, -EINVAL, "%s: huge pages are for memory that a NIC by vhost-user shares, "
			       "of a multiple of 2 MiB", conf->name);
	for (unsigned i = 0; i < conf->nic_count && !code; i++)
		code = check_nic(conf, &conf->nics[i], err);
	return code;
}

uint64_t machine_file_max(unsigned memory_mib)
{
	uint64_t memory = (uint64_t)memory_mib << 20;

	return memory > LOG_MAX ? memory : LOG_MAX;
}
