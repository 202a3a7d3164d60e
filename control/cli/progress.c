/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/progress.h"

#include "control/cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define QUIET_S 2.0	  /* nothing is said about what takes less, off a terminal */
#define PLAIN_EVERY_S 5.0 /* off a terminal */
#define DRAW_EVERY_S 0.1
#define BAR 24

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void progress_init(struct progress *p)
{
	*p = (struct progress){ .start = now(), .tty = isatty(STDERR_FILENO) };
}

double progress_seconds(const struct progress *p)
{
	return now() - p->start;
}

static void draw(const char *text, double share)
{
	char bar[BAR + 4] = "";
	struct winsize ws = { 0 };
	int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col ? ws.ws_col : 80;
	int left;

	if (share >= 0 && columns > 2 * BAR) {
		size_t full = (size_t)((share > 1 ? 1 : share) * BAR);

		snprintf(bar, sizeof(bar), "[%*s] ", BAR, "");
		memset(bar + 1, '#', full);
	}
	/* One column stays free: a full line would wrap, and could not be taken back. */
	left = columns - 1 - (int)strlen(bar);
	fprintf(stderr, "\r\033[K%s%.*s", bar, left > 0 ? left : 0, text);
	fflush(stderr);
}

void progress_show(struct progress *p, double share, const char *fmt, ...)
{
	double t = now(), since = t - p->start;
	char what[256], text[320];
	va_list ap;

	if (p->tty ? t - p->shown < DRAW_EVERY_S
		   : since < QUIET_S || (p->shown && t - p->shown < PLAIN_EVERY_S))
		return;
	p->shown = t;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s, %.0f s", what, since);
	text_clean(text);
	if (p->tty) {
		draw(text, share);
		p->drawn = true;
	} else {
		fprintf(stderr, "%s\n", text);
	}
}

void progress_fini(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}
