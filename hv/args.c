/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/args_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void args_add(struct args *args, const char *fmt, ...)
{
	char **argv, *text;
	va_list ap;
	int n;

	if (args->count && !args->argv)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	argv = n < 0 ? NULL : realloc(args->argv, (args->count + 2) * sizeof(*argv));
	if (!argv) {
		if (n >= 0)
			free(text);
		args_free(args);
		args->count = 1; /* and no argv: failed */
		return;
	}
	argv[args->count++] = text;
	argv[args->count] = NULL;
	args->argv = argv;
}

void args_free(struct args *args)
{
	for (unsigned i = 0; args->argv && i < args->count; i++)
		free(args->argv[i]);
	free(args->argv);
	*args = (struct args){ 0 };
}
