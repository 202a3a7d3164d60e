/* SPDX-License-Identifier: Apache-2.0 */
#include "base/oom.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool oom_adjust(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, score, strlen(score)) == (ssize_t)strlen(score);

	if (fd >= 0)
		close(fd);
	return done;
}
