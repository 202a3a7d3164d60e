/* SPDX-License-Identifier: Apache-2.0 */
#include "control/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool process_use(pid_t pid, struct process_use *out)
{
	char path[64], text[1024], *p;
	unsigned long user, sys;
	unsigned long long pages;
	ssize_t n = -1;
	int fd;

	*out = (struct process_use){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = 0;
	p = strrchr(text, ')'); /* the name before it may hold anything */
	if (!p || sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d "
				"%*d %*u %*u %llu", &user, &sys, &pages) != 3)
		return false;
	out->cpu_s = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
	out->memory = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

uint64_t process_share(pid_t pid)
{
	unsigned long long kb = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	while (f && !kb && fgets(line, sizeof(line), f))
		sscanf(line, "Pss: %llu kB", &kb);
	if (f)
		fclose(f);
	return kb * 1024;
}
