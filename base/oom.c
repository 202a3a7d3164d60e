/* SPDX-License-Identifier: Apache-2.0 */
#include "base/oom.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void oom_adjust(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, score, strlen(score));
	close(fd);
}
